// Convolutions by cuDNN.
#pragma once

#include <memory>
#include <string>

#include "cuda/cudnn.h"
#include "cuda/device.h"

namespace olmp::cuda {

// cuDNN, its handle on a stream, and the work space that its convolutions share.
class CudnnContext {
 public:
  // Throws Error("no-cuda").
  explicit CudnnContext(void* stream);
  ~CudnnContext();
  CudnnContext(const CudnnContext&) = delete;
  CudnnContext& operator=(const CudnnContext&) = delete;

  const Cudnn& library() const { return library_; }
  Cudnn::Handle handle() const { return handle_; }
  // Makes the work space at least so large. To be called before any step is recorded.
  void reserve(Device& device, std::size_t bytes);
  void* workspace() const { return workspace_.get(); }
  std::size_t workspace_bytes() const { return workspace_bytes_; }

 private:
  Cudnn library_;
  Cudnn::Handle handle_ = nullptr;
  FloatBuffer workspace_{nullptr, [](float*) {}};
  std::size_t workspace_bytes_ = 0;
};

// Null where cuDNN has no deterministic algorithm of full precision for the geometry (2 or 3 spatial axes).
std::unique_ptr<Convolver> make_cudnn_convolver(Device& device, CudnnContext& context,
                                                const ConvolutionGeometry& geometry);

}  // namespace olmp::cuda
