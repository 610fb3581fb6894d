// Times the sparse kernels over whole layers by density: sparse_kernels [batch]. Microseconds at one thread, minima.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cpu/sparse_weights.h"
#include "engine/random.h"

namespace {

using namespace olmp;

template <typename Work>
double micros(const Work& work) {
  double least = 1e12;
  for (int r = 0; r < 30; ++r) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const auto took = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start);
    least = std::min(least, took.count());
  }
  return least;
}

ConvolutionGeometry convolution(int channels, int outputs, int size) {
  ConvolutionGeometry g;
  g.channels = channels;
  g.outputs = outputs;
  g.input = {size, size};
  g.output = {size - 4, size - 4};
  g.kernel = {5, 5};
  g.stride = g.dilation = {1, 1};
  g.pad = {0, 0};
  return g;
}

struct Case {
  const char* name;
  SparseWeights list;
  std::int64_t weights;
  std::int64_t inputs;
  bool pooled;
};

void measure(Case& c, double density, int batch) {
  const SparseKernels& k = cpu_sparse_kernels();
  Random random(1);
  std::vector<float> mask(static_cast<std::size_t>(c.weights));
  for (float& value : mask) value = random.uniform(0, 1) < static_cast<float>(density) ? 1.0F : 0.0F;
  c.list.select(mask.data());
  c.list.gather(mask.data());
  const std::int64_t outputs = c.list.product().outputs * c.list.product().points();
  const auto array = [](std::int64_t n) { return allocate_host(n, "an array of the benchmark"); };
  const FloatBuffer x = array(c.inputs * batch), dx = array(c.inputs * batch), y = array(outputs * batch);
  const FloatBuffer dw = array(c.list.kept() + 1);
  std::fill(x.get(), x.get() + c.inputs * batch, 0.5F);
  std::vector<std::int8_t> chosen(static_cast<std::size_t>(outputs * batch));
  const ImageRange images{batch, 0, batch};
  const SparseProduct& p = c.list.product();
  const std::int8_t* choices = c.pooled ? chosen.data() : nullptr;
  const double forward = micros([&] {
    if (c.pooled) {
      k.forward_max(p, images, x.get(), nullptr, y.get(), chosen.data());
    } else {
      k.forward(p, images, x.get(), nullptr, y.get());
    }
  });
  const double data = micros([&] { k.backward_data(p, images, y.get(), choices, dx.get()); });
  const double weights = micros([&] { k.backward_weights(p, images, x.get(), y.get(), choices, dw.get()); });
  std::printf("%-16s %5.1f%% kept %7lld  forward %8.1f  input gradient %8.1f  weight gradient %8.1f\n", c.name,
              density * 100, static_cast<long long>(c.list.kept()), forward, data, weights);
}

}  // namespace

int main(int argc, char** argv) {
  const int batch = argc > 1 ? std::atoi(argv[1]) : 64;
  Case cases[] = {{"conv1", SparseWeights::convolution(convolution(1, 20, 28)), 500, 784, true},
                  {"conv1 no max", SparseWeights::convolution(convolution(1, 20, 28)), 500, 784, false},
                  {"conv2", SparseWeights::convolution(convolution(20, 50, 12)), 25000, 2880, true},
                  {"conv2 no max", SparseWeights::convolution(convolution(20, 50, 12)), 25000, 2880, false},
                  {"ip1 800x500", SparseWeights::inner_product(500, 800, false), 400000, 800, false},
                  {"ip1 784x300", SparseWeights::inner_product(300, 784, false), 235200, 784, false}};
  for (Case& c : cases) {
    for (const double density : {0.002, 0.01, 0.05, 0.1, 0.15, 0.2, 0.3}) measure(c, density, batch);
  }
}
