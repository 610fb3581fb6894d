// The CUDA backend: what is said where something is missing, sums, updates, faults, products, random numbers. What is
// compared with the CPU runs on a GPU where OLMP_TEST_DEVICE says so, the rest on the host in its place.
#include "cuda/cuda.h"

#include <cmath>
#include <fstream>
#include <set>

#include "cpu/gemm.h"
#include "cpu/register.h"
#include "cuda/cublas.h"
#include "cuda/cuda_layer.h"
#include "cuda/cudnn.h"
#include "cuda/device.h"
#include "cuda/host_device.h"
#include "cuda/library.h"
#include "engine/error.h"
#include "test/session_fixtures.h"
#include "test/test_main.h"

namespace olmp {
namespace {

using cuda::Index;

}  // namespace

TEST_CASE("a missing library is named with what to install") {
  const std::string message = test::message_of([] { cuda::Library({"libnot-there.so.9", "libnot-there.so.8"}, "Install it."); });
  CHECK(test::holds(message, "no-cuda"));
  CHECK(test::holds(message, "libnot-there.so.9, libnot-there.so.8"));
  CHECK(test::holds(message, "Install it."));
}

TEST_CASE("without cuBLAS or cuDNN the message names what was looked for and how to install it") {
  const std::string blas = test::message_of([] { const cuda::Cublas library; });
  if (blas != "none") {
    CHECK(test::holds(blas, "libcublas.so.13, libcublas.so.12, libcublas.so.11"));
    CHECK(test::holds(blas, "apt install libcublas12"));
    CHECK(test::holds(blas, "pip install nvidia-cublas-cu12"));
  }
  const std::string dnn = test::message_of([] { const cuda::Cudnn library; });
  if (dnn != "none") {
    CHECK(test::holds(dnn, "libcudnn.so.9, libcudnn.so.8"));
    CHECK(test::holds(dnn, "Convolutions are slower without cuDNN"));
    CHECK(test::holds(dnn, "apt install nvidia-cudnn"));
  }
}

#ifdef __linux__
TEST_CASE("a library that is there and does not load says why") {
  const test::TemporaryFolder folder("cuda-library");
  const std::string file = folder / "libbroken.so.1";
  std::ofstream(file) << "no library";
  const std::string message = test::message_of([&] { cuda::Library({file, "libnot-there.so.9"}, "Install it."); });
  CHECK(test::holds(message, "libbroken.so.1 ("));
  CHECK(test::holds(message, ", libnot-there.so.9 could be loaded"));
}

TEST_CASE("a library without a function is named with it") {
  const cuda::Library library({"libnot-there.so.9", "libm.so.6"}, "");
  CHECK(library.name() == "libm.so.6");
  double (*cosine)(double) = nullptr;
  library.load(cosine, "cos");
  CHECK(cosine(0) == 1);
  const std::string message = test::message_of([&] { library.load(cosine, "olmp_not_there"); });
  CHECK(test::holds(message, "libm.so.6"));
  CHECK(test::holds(message, "olmp_not_there"));
}
#endif

TEST_CASE("without a device there is a reason, and the backend gives the same") {
  const CudaInfo info = cuda_info();
  if (info.available) {
    CHECK(info.reason.empty());
    CHECK_FALSE(info.devices.empty());
    return;
  }
  CHECK(info.reason.size() > 20);
  CHECK(test::message_of([] { make_cuda_backend(); }) == "no-cuda: " + info.reason);
}

TEST_CASE("the backend has every layer type of the CPU's") {
  cuda::DeviceLayerRegistry registry;
  for (const auto add : {cuda::add_neuron_layers, cuda::add_weighted_layers, cuda::add_learnable_layers, cuda::add_window_layers,
                         cuda::add_shape_layers, cuda::add_loss_layers}) {
    add(registry);
  }
  std::set<std::string> types;
  for (const auto& [type, factory] : registry) types.insert(type);
  for (const auto& [type, factory] : make_cpu_layer_registry()) {
    CAPTURE(type);
    CHECK(types.erase(type) == 1);
  }
  CHECK(types.empty());
}

TEST_CASE("sums of parameters and masks are the CPU backend's") {
  const auto cpu = make_cpu_backend(1);
  const auto device = test::make_device_backend();
  Random random(5);
  for (const std::int64_t n : {std::int64_t{1}, std::int64_t{1000}, 3 * cuda::kMomentsBlock + 7}) {
    CAPTURE(n);
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& value : values) value = random.uniform() < 0.2 ? 0.0F : static_cast<float>(random.normal());
    FloatBuffer memory = device->allocate(n, "values");
    device->copy_in(memory.get(), values.data(), n);
    const auto expected = cpu->abs_moments(values.data(), n);
    const auto got = device->abs_moments(memory.get(), n);
    CHECK(got.nonzero == expected.nonzero);
    CHECK(got.sum == doctest::Approx(expected.sum).epsilon(1e-12));
    CHECK(got.sum_of_squares == doctest::Approx(expected.sum_of_squares).epsilon(1e-12));
    CHECK(device->sum_of_squares(memory.get(), n) == doctest::Approx(expected.sum_of_squares).epsilon(1e-12));
    std::vector<float> mask(values.size(), 1.0F);
    FloatBuffer device_mask = device->allocate(n, "mask");
    device->copy_in(device_mask.get(), mask.data(), n);
    for (const float threshold : {0.3F, 0.5F, 0.45F, 0.0F}) {
      const auto kept = cpu->update_mask(mask.data(), values.data(), threshold, n);
      CHECK(device->update_mask(device_mask.get(), memory.get(), threshold, n) == Backend::kNotCounted);
      CHECK(device->abs_moments(device_mask.get(), n).nonzero == kept);
      std::vector<float> copy(mask.size());
      device->copy_out(copy.data(), device_mask.get(), n);
      CHECK(copy == mask);
    }
  }
}

TEST_CASE("updates are the CPU backend's, for every solver") {
  using Type = UpdateRule::Type;
  const auto cpu = make_cpu_backend(1);
  const auto device = test::make_device_backend();
  for (const Type type : {Type::kSgd, Type::kNesterov, Type::kAdaGrad, Type::kRmsProp, Type::kAdaDelta, Type::kAdam}) {
    for (const bool l1 : {false, true}) {
      UpdateRule rule;
      rule.type = type;
      rule.rate = 0.05F;
      rule.momentum = 0.9F;
      rule.momentum2 = 0.99F;
      rule.rms_decay = 0.98F;
      rule.delta = 1e-4F;
      rule.decay = 5e-3F;
      rule.l1 = l1;
      rule.diff_scale = 0.5F;
      constexpr std::int64_t kCount = 37;
      std::vector<float> expected[4];
      std::vector<FloatBuffer> arrays;
      Random random(11);
      for (int a = 0; a < 4; ++a) {
        for (std::int64_t i = 0; i < kCount; ++i) {
          expected[a].push_back(a < 2 ? random.uniform(-1, 1) : random.uniform(0, 1));
        }
        arrays.push_back(device->allocate(kCount, "values"));
        device->copy_in(arrays.back().get(), expected[a].data(), kCount);
      }
      for (rule.iteration = 0; rule.iteration < 3; ++rule.iteration) {
        cpu->update(rule, expected[0].data(), expected[1].data(), expected[2].data(), expected[3].data(), kCount);
        device->update(rule, arrays[0].get(), arrays[1].get(), arrays[2].get(), arrays[3].get(), kCount);
      }
      for (std::size_t a = 0; a < 4; ++a) {
        std::vector<float> got(kCount);
        device->copy_out(got.data(), arrays[a].get(), kCount);
        for (std::size_t i = 0; i < kCount; ++i) {
          CHECK(static_cast<double>(got[i]) == doctest::Approx(expected[a][i]).epsilon(1e-5));
        }
      }
    }
  }
}

// The same seed gives the same batches and the same weights on any backend.
TEST_CASE("training, testing and evaluating take the CPU backend's course") {
  const test::SessionFixture fixture("cuda-course");
  for (const auto& [iter_size, clip] : {std::pair<int, double>{1, -1}, {3, 0.05}}) {
    CAPTURE(iter_size);
    std::vector<std::unique_ptr<Session>> sessions;
    for (const bool on_device : {false, true}) {
      SessionOptions options = fixture.options(7);
      for (std::string* graph : {&options.train, &options.test}) {
        auto description = nlohmann::json::parse(*graph);
        for (auto& layer : description["layers"]) {
          if (layer["type"] == "Dropout") layer["params"]["dropout_ratio"] = 0;  // their random numbers differ
        }
        *graph = description.dump();
      }
      auto solver = nlohmann::json::parse(options.solver);
      solver["iter_size"] = iter_size;
      solver["clip_gradients"] = clip;
      options.solver = solver.dump();
      sessions.push_back(std::make_unique<Session>(options, on_device ? test::make_device_backend() : make_cpu_backend(1)));
      sessions.back()->fill_parameters();
    }
    const auto close = [](const std::vector<double>& got, const std::vector<double>& expected) {
      REQUIRE(got.size() == expected.size());
      // A GPU adds up in another order, so that over the iterations a mask may differ in an element.
      const double tolerance = test::on_gpu() ? 2e-2 : 1e-4;
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(tolerance));
    };
    std::vector<std::uint32_t> remask(70);
    for (std::size_t i = 0; i < remask.size(); i += 3) remask[i] = 1 + static_cast<std::uint32_t>(i % 2);
    for (const auto& session : sessions) {
      session->compute_moments();
      session->set_rates({-0.5, 0.3});
    }
    Session& cpu = *sessions[0];
    Session& device = *sessions[1];
    const auto never = [] { return false; };
    close(device.train(70, remask, never).rows, cpu.train(70, remask, never).rows);
    CHECK(device.iteration() == 70);
    close(device.test(5, never), cpu.test(5, never));
    for (const bool sequential : {false, true}) {
      const std::vector<double> rates{0.1, 0.2, -0.4, 0.5, NAN, 0.7};
      const RateEvaluations expected = cpu.evaluate_rates(rates, sequential, never);
      const RateEvaluations got = device.evaluate_rates(rates, sequential, never);
      close(got.kept, expected.kept);
      close(got.loss, expected.loss);
      close(got.accuracy, expected.accuracy);
    }
    for (std::size_t layer = 0; layer < 2; ++layer) {
      const auto difference = device.kept_counts()[layer].kept_weights - cpu.kept_counts()[layer].kept_weights;
      CHECK(std::abs(difference) <= (test::on_gpu() ? 2 : 0));
    }
    // A state saved on one device goes on on the other.
    device.save_state(fixture.file("state"));
    cpu.load_state(fixture.file("state"));
    close(device.train(3, {}, never).rows, cpu.train(3, {}, never).rows);
  }
}

TEST_CASE("TF32 rounds the operands of products, and nothing is rounded without it") {
  const test::SessionFixture fixture("cuda-tf32");
  const auto losses = [&](bool tf32) {
    EmulatedCudaOptions options;
    options.device.tf32 = tf32;
    Session session(fixture.options(7), make_emulated_cuda_backend(options));
    session.fill_parameters();
    return session.train(5, {}, test::kNever).rows;
  };
  const auto full = losses(false);
  const auto rounded = losses(true);
  CHECK(losses(false) == full);
  CHECK(rounded != full);
  for (std::size_t i = 0; i < full.size(); ++i) CHECK(rounded[i] == doctest::Approx(full[i]).epsilon(5e-3));
}

TEST_CASE("a session opened by the name of the device in tests takes the same way as on a GPU") {
  const test::SessionFixture fixture("cuda-named");
  SessionOptions options = fixture.options(7);
  const auto source = nlohmann::json::parse(options.train)["layers"][0]["params"]["source"].get<std::string>();
  options.train = test::convolution_graph("TRAIN", source, 40).dump();
  options.test = test::convolution_graph("TEST", source, 40).dump();
  options.device = "cuda-emulated";
  Session session(options);
  session.fill_parameters();
  session.train(1, {}, test::kNever);
  // A small convolution takes its maxima along.
  const auto read = [&] { session.get_blob(Phase::kTrain, "conv1", BlobPart::kData); };
  CHECK(test::holds(test::message_of(read), "blob-not-kept"));
}

TEST_CASE("a loss that is no number ends training before the parameters are harmed") {
  const test::SessionFixture fixture("cuda-diverged");
  Session session(fixture.options(7), test::make_device_backend());
  session.fill_parameters();
  const auto never = [] { return false; };
  session.train(2, {}, never);
  auto weights = session.get_parameter(0, ParameterPart::kValue);
  weights[0] = NAN;
  session.set_parameter(0, ParameterPart::kValue, weights);
  const auto before = session.get_parameter(2, ParameterPart::kValue);
  const TrainResult result = session.train(5, {}, never);
  CHECK(result.stop == TrainResult::Stop::kNonFiniteLoss);
  CHECK(result.completed == 0);
  CHECK(session.iteration() == 2);
  CHECK(session.get_parameter(2, ParameterPart::kValue) == before);
}

TEST_CASE("dropout keeps what it should, differently in every pass, and alike in forward and backward") {
  constexpr Index kCount = 100000;
  const auto device = cuda::make_host_device();
  device->next_salt();
  Random random(1);
  const std::vector<float> ones(kCount, 1.0F);
  std::vector<float> first(kCount);
  std::vector<float> again(kCount);
  std::vector<float> next(kCount);
  const auto run = [&](std::vector<float>& to, std::uint64_t salt) {
    cuda::dropout(device->stream(), device->pass(), salt, 1U << 30, 4.0F / 3, ones.data(), to.data(), kCount, kCount);
  };
  device->begin_pass(random);
  run(first, 1);
  run(again, 1);
  CHECK(first == again);
  run(again, 2);
  device->begin_pass(random);
  run(next, 1);
  for (const auto* other : {&again, &next}) {
    Index agreeing = 0;
    for (std::size_t i = 0; i < kCount; ++i) agreeing += first[i] == (*other)[i] ? 1 : 0;
    CHECK(static_cast<double>(agreeing) / kCount == doctest::Approx(0.625).epsilon(0.02));  // 0.75^2 + 0.25^2
  }
  double sum = 0;
  for (const float value : first) sum += value;
  CHECK(sum / kCount == doctest::Approx(1).epsilon(0.02));
}

TEST_CASE("a label out of range is reported with its layer when results are read, and once") {
  const auto backend = test::make_device_backend();
  const nlohmann::json params{{"top_k", 1}, {"axis", 1}, {"ignore_label", nullptr}};
  Tensor scores, labels, top;
  const auto give = [&](Tensor& tensor, const Shape& shape, const std::vector<float>& values) {
    tensor.shape = shape;
    tensor.data_buffer = backend->allocate(tensor.count(), "a blob");
    tensor.data = tensor.data_buffer.get();
    backend->copy_in(tensor.data, values.data(), tensor.count());
  };
  give(scores, {2, 3}, {1, 2, 3, 3, 2, 1});
  give(labels, {2}, {2, 3});
  give(top, {}, {0});
  LayerContext context{"acc", "Accuracy", params, Phase::kTest, {&scores, &labels}, {&top}, {}, {0}, {false, false}};
  const auto layer = backend->make_layer(context);
  layer->forward();
  float accuracy = 0;
  const std::string message = test::message_of([&] { backend->copy_out(&accuracy, top.data, 1); });
  CHECK(test::holds(message, "bad-label"));
  CHECK(test::holds(message, "'acc'"));
  CHECK(test::holds(message, "0 to 2"));
  const float right[] = {2, 1};
  backend->copy_in(labels.data, right, 2);
  layer->forward();
  backend->copy_out(&accuracy, top.data, 1);
  CHECK(accuracy == 0.5F);
}

}  // namespace olmp
