// The parts of a compression in cycles (session_recipe.cpp) on a backend that queues steps.
#include "engine/error.h"
#include "engine/objective.h"
#include "engine/session.h"
#include "engine/session_work.h"

namespace olmp {

void Session::forward_queued(StepQueue& queue, Net& net) {
  net.prepare_forward(false);
  queue.run(recording_key(work::kTeach), [&] { net.run_forward(); });
}

// A batch's labels are drawn on the device, by the numbers that the host would have drawn them by.
void Session::add_squared_gradients_queued(StepQueue& queue, int batches) {
  Net& net = this->net(Phase::kTrain);
  const Objective goal = objective(net.graph());
  const auto& all = parameters_->all();
  std::vector<FloatBuffer> sums;
  for (const auto& parameter : all) {
    const std::int64_t count = parameter->prunable < 0 ? 0 : parameter->tensor.count();
    sums.push_back(backend_->allocate(count, "the squared gradients of " + parameter->tensor.name));
  }
  const SquareSums sum_of = [&](const Parameter& parameter) -> float* {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].get() == &parameter && parameter.prunable >= 0) return sums[i].get();
    }
    return nullptr;
  };
  Tensor& labels = blob(Phase::kTrain, goal.labels);
  const Tensor& logits = blob(Phase::kTrain, goal.scores);
  const std::int64_t images = labels.count();
  const std::int64_t classes = logits.count() / images;
  constexpr std::int64_t kFloats = sizeof(double) / sizeof(float);
  if (!drawn_by_) {
    drawn_by_ = backend_->allocate(images * kFloats, "the random numbers of labels");
    given_labels_ = backend_->allocate(images, "the labels of a batch");
  }
  for (int batch = 0; batch < batches; ++batch) {
    net.prepare_forward(true);
    auto* numbers = reinterpret_cast<double*>(backend_->begin_upload(drawn_by_.get(), images * kFloats));
    for (std::int64_t i = 0; i < images; ++i) numbers[i] = random_.uniform();
    backend_->end_upload(drawn_by_.get());
    queue.run(recording_key(work::kSquares), [&] {
      net.run_forward();
      backend_->copy_within(given_labels_.get(), labels.data, images);
      queue.draw_classes(logits.data, images, classes, reinterpret_cast<const double*>(drawn_by_.get()), labels.data);
      net.run_forward();
      solver_->clear_gradients();
      net.backward();
      for (const auto& layer : net.layers()) layer->add_squared_gradients(sum_of);
      backend_->copy_within(labels.data, given_labels_.get(), images);
    });
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i]->prunable < 0) continue;
    backend_->copy_out(scores_->of(i).data(), sums[i].get(), all[i]->tensor.count());
  }
  queue.forget();  // recordings that refer to the sums
}

}  // namespace olmp
