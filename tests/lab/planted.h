// Backends of known behaviour, for experiments that must come out either way.
//
// Planted computes with a backend of this machine. With Defect::load it then spoils what `linear`, `rms_norm`
// and `attention` give wherever a step has more than one row: the planted load dependence. With Defect::overflow all
// of them give infinity: a model that fails.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "backend/list.h"
#include "engine/loaded_model.h"
#include "forwarding_backend.h"

namespace verbatim::lab {

enum class Defect : std::uint8_t { none, load, overflow };

class Planted final : public ForwardingBackend {
 public:
  explicit Planted(Defect defect, int threads = 2)
      : ForwardingBackend(*make_backend("auto", threads)), defect_(defect) {}

  std::string_view name() const override { return "planted"; }
  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    ForwardingBackend::rms_norm(x, gain, epsilon, rows, k);
    spoil(rows, x, k);
  }
  // The last output of every row becomes far larger than any other: as logits, the last token wins.
  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    ForwardingBackend::linear(x, jobs);
    for (const LinearJob& job : jobs) spoil(x.rows, job.y, job.w->n);
  }
  void attention(const AttentionArgs& args, const float* q, const StepView& step, const KvPages& cache,
                 float* y, Faults f) override {
    ForwardingBackend::attention(args, q, step, cache, y, f);
    spoil(step.rows, y, args.heads * cache.shape.head_dim);
  }

 private:
  void spoil(std::int64_t rows, float* y, std::int64_t width) const {
    if (defect_ == Defect::none || (defect_ == Defect::load && rows == 1)) return;
    const float added = defect_ == Defect::load ? 1000.0f : HUGE_VALF;
    for (std::int64_t row = 0; row < rows; ++row) y[(row + 1) * width - 1] += added;
  }

  Defect defect_;
};

// The built-in model on a planted backend.
inline std::unique_ptr<LoadedModel> planted_model(Defect defect) {
  ModelChoice choice;
  choice.path = "storyteller";
  choice.threads = 2;
  auto loaded = load_model(choice, std::make_unique<Planted>(defect));
  EXPECT_TRUE(loaded.ok()) << loaded.error().message;
  return *std::move(loaded);
}

}  // namespace verbatim::lab
