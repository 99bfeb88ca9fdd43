// Backends of known behaviour, for experiments that must come out either way.
//
// Planted forwards every operation to the backend it holds. With Defect::load it then spoils what `linear`, `rms_norm`
// and `attention` give wherever a step has more than one row: the planted load dependence. With Defect::overflow all
// of them give infinity: a model that fails.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "backend/list.h"
#include "engine/loaded_model.h"

namespace verbatim::lab {

enum class Defect : std::uint8_t { none, load, overflow };

class Planted final : public Backend {
 public:
  explicit Planted(Defect defect, int threads = 2)
      : inner_(*make_backend("auto", threads)), defect_(defect) {}

  std::string_view name() const override { return "planted"; }
  int threads() const override { return inner_->threads(); }
  FixRows make_rows(std::int64_t rows, std::int64_t k) const override { return inner_->make_rows(rows, k); }
  void embed(const PackedMatrix& table, std::span<const std::int32_t> tokens, float* y) override {
    inner_->embed(table, tokens, y);
  }
  void quantise(const float* x, std::int64_t rows, std::int64_t k, FixForm form, FixRows& out,
                Faults f) override {
    inner_->quantise(x, rows, k, form, out, f);
  }
  void read_row(const FixRows& x, std::int64_t row, std::int16_t* q) const override {
    inner_->read_row(x, row, q);
  }
  void rms_norm_quantise(const float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k,
                         FixForm form, FixRows& out, Faults f) override {
    inner_->rms_norm_quantise(x, gain, epsilon, rows, k, form, out, f);
  }
  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    inner_->rms_norm(x, gain, epsilon, rows, k);
    spoil(rows, x, k);
  }
  // The last output of every row becomes far larger than any other: as logits, the last token wins.
  void linear(const FixRows& x, std::span<const LinearJob> jobs) override {
    inner_->linear(x, jobs);
    for (const LinearJob& job : jobs) spoil(x.rows, job.y, job.w->n);
  }
  void rope(const RopeArgs& args, std::span<const std::int32_t> positions, float* x) override {
    inner_->rope(args, positions, x);
  }
  void store_kv(const float* k, const float* v, const StepBatch& batch, std::int64_t layer, KvPages& cache,
                Faults f) override {
    inner_->store_kv(k, v, batch, layer, cache, f);
  }
  void attention(const AttentionArgs& args, const float* q, const StepBatch& batch, const KvPages& cache,
                 float* y, Faults f) override {
    inner_->attention(args, q, batch, cache, y, f);
    spoil(batch.rows(), y, args.heads * cache.shape().head_dim);
  }
  void swiglu_quantise(const float* gate, const float* up, std::int64_t rows, std::int64_t k, FixForm form,
                       FixRows& out, Faults f) override {
    inner_->swiglu_quantise(gate, up, rows, k, form, out, f);
  }
  void add(float* x, const float* y, std::int64_t count) override { inner_->add(x, y, count); }
  void log_normalise(const float* z, std::int64_t rows, std::int64_t vocab, Normaliser* out) override {
    inner_->log_normalise(z, rows, vocab, out);
  }
  void exp_of_logits(const float* v, float best, float temperature, std::int64_t count, float* e) override {
    inner_->exp_of_logits(v, best, temperature, count, e);
  }

 private:
  void spoil(std::int64_t rows, float* y, std::int64_t width) const {
    if (defect_ == Defect::none || (defect_ == Defect::load && rows == 1)) return;
    const float added = defect_ == Defect::load ? 1000.0f : HUGE_VALF;
    for (std::int64_t row = 0; row < rows; ++row) y[(row + 1) * width - 1] += added;
  }

  std::unique_ptr<Backend> inner_;
  Defect defect_;
};

// The built-in model on a planted backend.
inline std::unique_ptr<LoadedModel> planted_model(Defect defect) {
  ModelChoice choice;
  choice.path = "storyteller";
  choice.threads = 2;
  auto loaded = load_model(choice);
  EXPECT_TRUE(loaded.ok()) << loaded.error().message;
  LoadedModel& model = **loaded;
  ThreadPool pool(2);
  auto weights = load_weights(model.checkpoint, choice.load, pool);
  EXPECT_TRUE(weights.ok()) << weights.error().message;
  auto backend = std::make_unique<Planted>(defect);
  auto made = Model::create(model.checkpoint.config, std::move(weights->weights), choice.widths, *backend);
  EXPECT_TRUE(made.ok()) << made.error().message;
  model.model = *std::move(made);
  model.backend = std::move(backend);
  return *std::move(loaded);
}

}  // namespace verbatim::lab
