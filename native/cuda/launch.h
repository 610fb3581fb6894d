// How kernels are written: the body of a loop, or the body of a team of threads that share a row. The same body runs on
// the device or, one element after another, on the host, so that kernels can be tested where there is no device; the
// files with kernels are CUDA where there is a CUDA compiler and C++ where there is none.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#ifdef __CUDACC__
#include <cuda_runtime.h>
#define OLMP_KERNEL __host__ __device__
#else
#define OLMP_KERNEL
#endif

namespace olmp::cuda {

using Index = std::int64_t;

// Work that the host has put down to do again and again, in this order: what a recording is to a device.
using HostWork = std::vector<std::function<void()>>;

struct Stream {
  enum class Place { kHost, kDevice, kNowhere };
  Place place = Place::kHost;
  void* handle = nullptr;        // kDevice: cudaStream_t
  HostWork* recorded = nullptr;  // kHost: where work is put down instead of done; or null
};

// Does `work` where the host stands in for the device: now, or whenever what is being recorded is replayed.
template <class Work>
void do_on_host(const Stream& stream, Work work) {
  if (stream.place == Stream::Place::kNowhere) return;
  if (stream.recorded != nullptr) {
    stream.recorded->emplace_back(std::move(work));
  } else {
    work();
  }
}

// Throws Error("cuda") naming the CUDA error.
[[noreturn]] void launch_failed(int code);

// Like std::max(a, b): a where they cannot be compared.
template <typename Number>
OLMP_KERNEL Number larger(Number a, Number b) {
  return a < b ? b : a;
}
template <typename Number>
OLMP_KERNEL Number smaller(Number a, Number b) {
  return b < a ? b : a;
}

// i / d and i % d for numbers >= 0: devices divide 32-bit numbers many times faster.
struct Quotient {
  Index quotient;
  Index remainder;
};
OLMP_KERNEL inline Quotient divide(Index i, Index d) {
  if (((i | d) >> 32) == 0) {
    const auto small = static_cast<std::uint32_t>(i);
    const auto divisor = static_cast<std::uint32_t>(d);
    const std::uint32_t quotient = small / divisor;
    return {static_cast<Index>(quotient), static_cast<Index>(small - quotient * divisor)};
  }
  return {i / d, i % d};
}

// The threads of a block (on the host: a single one) that work on one row together. All of them must call each and sum
// and maximum alike. Results of sum and maximum go to all; their order of summation depends on the team's size alone.
class Team {
 public:
  OLMP_KERNEL bool first() const {
#ifdef __CUDA_ARCH__
    return threadIdx.x == 0;
#else
    return true;
#endif
  }

  // What `body` writes is seen by the whole team afterwards.
  template <class Body>
  OLMP_KERNEL void each(Index n, Body body) const {
#ifdef __CUDA_ARCH__
    for (Index i = threadIdx.x; i < n; i += blockDim.x) body(i);
    __syncthreads();
#else
    for (Index i = 0; i < n; ++i) body(i);
#endif
  }

  template <class Term>
  OLMP_KERNEL double sum(Index n, Term term) const {
    double total = 0;
#ifdef __CUDA_ARCH__
    for (Index i = threadIdx.x; i < n; i += blockDim.x) total += static_cast<double>(term(i));
    for (int offset = 16; offset > 0; offset /= 2) total += __shfl_down_sync(0xffffffffU, total, offset);
    __shared__ double parts[32];
    __syncthreads();  // the last call's readers are done
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = total;
    __syncthreads();
    total = 0;
    for (unsigned part = 0; part < (blockDim.x + 31) / 32; ++part) total += parts[part];
#else
    for (Index i = 0; i < n; ++i) total += static_cast<double>(term(i));
#endif
    return total;
  }

  // True for the last of `teams` teams to call it, which then sees what the others' first threads have written before.
  // `arrived` is 0 before a kernel, and after it.
  OLMP_KERNEL bool is_last(unsigned* arrived, Index teams) const {
#ifdef __CUDA_ARCH__
    __shared__ bool last;
    __syncthreads();  // the last call's readers are done
    if (threadIdx.x == 0) {
      __threadfence();
      last = atomicInc(arrived, static_cast<unsigned>(teams - 1)) == static_cast<unsigned>(teams - 1);
      __threadfence();
    }
    __syncthreads();
    return last;
#else
    if (++*arrived < static_cast<unsigned>(teams)) return false;
    *arrived = 0;
    return true;
#endif
  }

  // n >= 1. A NaN loses every comparison but that of the first element.
  template <class Term>
  OLMP_KERNEL float maximum(Index n, Term term) const {
#ifdef __CUDA_ARCH__
    float best = term(0);
    for (Index i = threadIdx.x; i < n; i += blockDim.x) best = larger(best, static_cast<float>(term(i)));
    for (int offset = 16; offset > 0; offset /= 2) best = larger(best, __shfl_down_sync(0xffffffffU, best, offset));
    __shared__ float parts[32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = best;
    __syncthreads();
    best = parts[0];
    for (unsigned part = 1; part < (blockDim.x + 31) / 32; ++part) best = larger(best, parts[part]);
#else
    float best = term(0);
    for (Index i = 1; i < n; ++i) best = larger(best, static_cast<float>(term(i)));
#endif
    return best;
  }
};

#ifdef __CUDACC__
template <class Body>
__global__ void __launch_bounds__(256) loop_kernel(Index n, Body body) {
  const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) body(i);
}

template <class Body>
__global__ void __launch_bounds__(256) team_kernel(Body body) {
  body(Team(), static_cast<Index>(blockIdx.x));
}

inline constexpr int kColumnLanes = 32;
inline constexpr int kRowLanes = 8;

template <class Term, class Take>
__global__ void __launch_bounds__(kColumnLanes* kRowLanes) column_kernel(Index rows, Index columns, Term term, Take take) {
  const Index column = static_cast<Index>(blockIdx.x) * kColumnLanes + threadIdx.x;
  double total = 0;
  if (column < columns) {
    for (Index row = threadIdx.y; row < rows; row += kRowLanes) total += static_cast<double>(term(row, column));
  }
  __shared__ double parts[kRowLanes][kColumnLanes + 1];
  parts[threadIdx.y][threadIdx.x] = total;
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
  for (int lane = 1; lane < kRowLanes; ++lane) total += parts[lane][threadIdx.x];
  take(column, total);
}

inline void check_launch() {
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) launch_failed(static_cast<int>(error));
}
#endif

// body(i) for i in [0, n)
template <class Body>
void for_each(const Stream& stream, Index n, Body body) {
  if (n <= 0) return;
#ifdef __CUDACC__
  if (stream.place == Stream::Place::kDevice) {
    constexpr Index kThreads = 256;
    constexpr Index kMostBlocks = 1 << 16;
    const Index blocks = smaller((n + kThreads - 1) / kThreads, kMostBlocks);
    loop_kernel<<<static_cast<unsigned>(blocks), kThreads, 0, static_cast<cudaStream_t>(stream.handle)>>>(n, body);
    check_launch();
    return;
  }
#endif
  do_on_host(stream, [=] {
    for (Index i = 0; i < n; ++i) body(i);
  });
}

// body(team, row) for row in [0, rows), rows < 2^31; `length` is about how many elements a row has.
template <class Body>
void for_each_team(const Stream& stream, Index rows, Index length, Body body) {
  if (rows <= 0) return;
#ifdef __CUDACC__
  if (stream.place == Stream::Place::kDevice) {
    Index threads = 32;
    while (threads < 256 && threads < length) threads *= 2;
    team_kernel<<<static_cast<unsigned>(rows), static_cast<unsigned>(threads), 0,
                  static_cast<cudaStream_t>(stream.handle)>>>(body);
    check_launch();
    return;
  }
#endif
  (void)length;
  do_on_host(stream, [=] {
    for (Index row = 0; row < rows; ++row) body(Team(), row);
  });
}

// take(column, sum over the rows of term(row, column)) for the columns of a matrix of rows: neighbours read neighbours.
// `term` is called once for each element, and may write it.
template <class Term, class Take>
void sum_columns(const Stream& stream, Index rows, Index columns, Term term, Take take) {
  if (columns <= 0) return;
#ifdef __CUDACC__
  if (stream.place == Stream::Place::kDevice) {
    const auto blocks = static_cast<unsigned>((columns + kColumnLanes - 1) / kColumnLanes);
    column_kernel<<<blocks, dim3(kColumnLanes, kRowLanes), 0, static_cast<cudaStream_t>(stream.handle)>>>(rows, columns,
                                                                                                         term, take);
    check_launch();
    return;
  }
#endif
  do_on_host(stream, [=] {
    for (Index column = 0; column < columns; ++column) {
      double total = 0;
      for (Index row = 0; row < rows; ++row) total += static_cast<double>(term(row, column));
      take(column, total);
    }
  });
}

}  // namespace olmp::cuda
