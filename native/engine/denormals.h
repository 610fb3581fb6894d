// Denormal numbers cost x86 a hundred cycles and more per operation, and training makes them in bulk: the momentum of a
// weight whose gradient is zero decays geometrically, softmax gradients of learnt examples underflow. Flushing them to
// zero changes no result above 1.2e-38, far below the parity tolerance with Caffe.
#pragma once

#if defined(__SSE2__) || defined(_M_X64)
#include <immintrin.h>
#define OLMP_HAS_MXCSR 1
#endif

namespace olmp {

// Flush-to-zero and denormals-are-zero on the calling thread, for the life of the object.
class FlushDenormals {
 public:
#ifdef OLMP_HAS_MXCSR
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040U); }
  ~FlushDenormals() { _mm_setcsr(saved_); }
#else
  FlushDenormals() = default;
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#ifdef OLMP_HAS_MXCSR
  unsigned saved_;
#endif
};

}  // namespace olmp
