#include "cpu/convolution_algorithm.h"

namespace olmp {
namespace {

// oneDNN's blocked kernels compute channels and outputs in sixteens; LeNet-5's 20 and 50 waste a quarter to a third.
bool fills_blocks(const ConvolutionGeometry& g) {
  const int channels = g.channels / g.group;
  return (channels % 16 == 0 || channels <= 3) && g.outputs / g.group % 16 == 0;
}

}  // namespace

std::unique_ptr<ConvolutionAlgorithm> make_convolution(const ConvolutionGeometry& geometry, int threads,
                                                       const std::string& layer) {
  if (fills_blocks(geometry)) {
    if (auto primitive = make_primitive_convolution(geometry, threads, layer)) return primitive;
  }
  if (auto batch = make_batch_convolution(geometry, threads, layer)) return batch;
  return make_column_convolution(geometry, threads, layer);
}

}  // namespace olmp
