// The few entry points of cuDNN (8 or 9) that convolutions need, by their documented signatures. Optional: without the
// library convolutions are products of columns.
#pragma once

#include <cstddef>

#include "cuda/library.h"

namespace olmp::cuda {

struct Cudnn {
  using Handle = void*;
  using Descriptor = void*;
  static constexpr int kFloat = 0;             // CUDNN_DATA_FLOAT
  static constexpr int kNchw = 0;              // CUDNN_TENSOR_NCHW
  static constexpr int kCrossCorrelation = 1;  // CUDNN_CROSS_CORRELATION
  static constexpr int kDefaultMath = 0;       // CUDNN_DEFAULT_MATH
  static constexpr int kFmaMath = 3;           // CUDNN_FMA_MATH: full float precision, no TF32
  static constexpr int kDeterministic = 1;     // CUDNN_DETERMINISTIC
  // cudnnConvolution{Fwd,BwdFilter,BwdData}AlgoPerf_t, which are alike.
  struct Performance {
    int algorithm;
    int status;
    float milliseconds;
    std::size_t workspace_bytes;
    int determinism;
    int math;
    int reserved[3];
  };

  // Throws Error("no-cuda").
  Cudnn();

  Library library;
  int (*create)(Handle*) = nullptr;
  int (*destroy)(Handle) = nullptr;
  int (*set_stream)(Handle, void* stream) = nullptr;
  int (*create_tensor)(Descriptor*) = nullptr;
  int (*destroy_tensor)(Descriptor) = nullptr;
  int (*set_tensor)(Descriptor, int type, int dims, const int* sizes, const int* strides) = nullptr;
  int (*create_filter)(Descriptor*) = nullptr;
  int (*destroy_filter)(Descriptor) = nullptr;
  int (*set_filter)(Descriptor, int type, int format, int dims, const int* sizes) = nullptr;
  int (*create_convolution)(Descriptor*) = nullptr;
  int (*destroy_convolution)(Descriptor) = nullptr;
  int (*set_convolution)(Descriptor, int axes, const int* pads, const int* strides, const int* dilations, int mode,
                         int compute_type) = nullptr;
  int (*set_group_count)(Descriptor, int groups) = nullptr;
  int (*set_math_type)(Descriptor, int math) = nullptr;
  // (handle, x, w, convolution, y), (handle, x, dy, convolution, dw), (handle, w, dy, convolution, dx)
  using FindAlgorithms = int(Handle, Descriptor, Descriptor, Descriptor, Descriptor, int wanted, int* found,
                             Performance* results);
  FindAlgorithms* find_forward = nullptr;
  FindAlgorithms* find_backward_weights = nullptr;
  FindAlgorithms* find_backward_data = nullptr;
  // (handle, alpha, x, w, convolution, algorithm, workspace, bytes, beta, y) and the two gradients in the same order
  int (*forward)(Handle, const void* alpha, Descriptor, const void* x, Descriptor, const void* w, Descriptor, int,
                 void* workspace, std::size_t bytes, const void* beta, Descriptor, void* y) = nullptr;
  int (*backward_weights)(Handle, const void* alpha, Descriptor, const void* x, Descriptor, const void* dy, Descriptor,
                          int, void* workspace, std::size_t bytes, const void* beta, Descriptor, void* dw) = nullptr;
  int (*backward_data)(Handle, const void* alpha, Descriptor, const void* w, Descriptor, const void* dy, Descriptor,
                       int, void* workspace, std::size_t bytes, const void* beta, Descriptor, void* dx) = nullptr;
};

}  // namespace olmp::cuda
