// Convolutions by cuDNN.
#pragma once

#include <memory>
#include <string>

#include "cuda/cudnn.h"
#include "cuda/device.h"

namespace olmp::cuda {

// cuDNN and its handle on a stream.
class CudnnContext {
 public:
  // Throws Error("no-cuda").
  CudnnContext(void* stream, bool tf32);
  ~CudnnContext();
  CudnnContext(const CudnnContext&) = delete;
  CudnnContext& operator=(const CudnnContext&) = delete;

  const Cudnn& library() const { return library_; }
  Cudnn::Handle handle() const { return handle_; }
  bool tf32() const { return tf32_; }

 private:
  Cudnn library_;
  Cudnn::Handle handle_ = nullptr;
  bool tf32_ = false;
};

// Null where cuDNN has no deterministic algorithm of the precision asked for (2 or 3 spatial axes).
std::unique_ptr<Convolver> make_cudnn_convolver(Device& device, CudnnContext& context,
                                                const ConvolutionGeometry& geometry);

}  // namespace olmp::cuda
