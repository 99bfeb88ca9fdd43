// ForwardingBackend: another backend, operation for operation: what tests derive theirs from.
#pragma once

#include <memory>
#include <utility>

#include "ops/ops.h"

namespace verbatim {

class ForwardingBackend : public Backend {
 public:
  explicit ForwardingBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  std::string_view name() const override { return inner_->name(); }
  int threads() const override { return inner_->threads(); }
  Memory& memory() override { return inner_->memory(); }
  LogitsMath& logits_math() override { return inner_->logits_math(); }
  PlacedMatrix place(const PackedMatrix& matrix, std::shared_ptr<const void> storage) override {
    return inner_->place(matrix, std::move(storage));
  }
  std::int64_t fix_bytes(std::int64_t rows, std::int64_t k) const override {
    return inner_->fix_bytes(rows, k);
  }
  void embed(const PackedMatrix& table, const std::int32_t* tokens, std::int64_t rows, float* y) override {
    inner_->embed(table, tokens, rows, y);
  }
  void quantise(const float* x, const FixRows& out, Faults f) override { inner_->quantise(x, out, f); }
  void unpack_rows(const FixRows& x, std::int16_t* q) override { inner_->unpack_rows(x, q); }
  void rms_norm_quantise(const float* x, const float* gain, float epsilon, const FixRows& out,
                         Faults f) override {
    inner_->rms_norm_quantise(x, gain, epsilon, out, f);
  }
  void rms_norm(float* x, const float* gain, float epsilon, std::int64_t rows, std::int64_t k) override {
    inner_->rms_norm(x, gain, epsilon, rows, k);
  }
  void linear(const FixRows& x, std::span<const LinearJob> jobs) override { inner_->linear(x, jobs); }
  void route(const spec::Router& router, const float* z, std::int64_t rows, std::int32_t* experts,
             float* weights) override {
    inner_->route(router, z, rows, experts, weights);
  }
  void linear_experts(const FixRows& x, const std::int32_t* experts, std::int64_t chosen,
                      std::span<const ExpertsJob> jobs) override {
    inner_->linear_experts(x, experts, chosen, jobs);
  }
  void moe_sum(const ExpertSum& of, std::int64_t rows, std::int64_t d, float* y) override {
    inner_->moe_sum(of, rows, d, y);
  }
  void rope_table(const double* frequencies, std::int64_t pairs, double mscale, const std::int32_t* positions,
                  std::int64_t rows, float* cosine, float* sine) override {
    inner_->rope_table(frequencies, pairs, mscale, positions, rows, cosine, sine);
  }
  void rope(const RopeArgs& args, std::int64_t rows, float* x) override { inner_->rope(args, rows, x); }
  void store_kv(const float* k, const float* v, const StepView& step, std::int64_t layer,
                const KvPages& cache, Faults f) override {
    inner_->store_kv(k, v, step, layer, cache, f);
  }
  void unpack_kv(const KvPages& cache, std::int64_t page, std::int64_t layer, std::int64_t kv_head,
                 std::int16_t* keys, std::int16_t* values) override {
    inner_->unpack_kv(cache, page, layer, kv_head, keys, values);
  }
  void attention(const AttentionArgs& args, const float* q, const StepView& step, const KvPages& cache,
                 float* y, Faults f) override {
    inner_->attention(args, q, step, cache, y, f);
  }
  void gate_quantise(const spec::Gating& gating, const float* gate, const float* up, const FixRows& out,
                     Faults f) override {
    inner_->gate_quantise(gating, gate, up, out, f);
  }
  void add(float* x, const float* y, float factor, std::int64_t count) override {
    inner_->add(x, y, factor, count);
  }
  void scale(float* x, float factor, std::int64_t count) override { inner_->scale(x, factor, count); }
  void softcap(float* x, float cap, std::int64_t count) override { inner_->softcap(x, cap, count); }
  void gather(const float* x, const std::int32_t* index, std::int64_t rows, std::int64_t k,
              float* y) override {
    inner_->gather(x, index, rows, k, y);
  }
  void check_finite(const float* x, std::int64_t rows, std::int64_t k, Faults f) override {
    inner_->check_finite(x, rows, k, f);
  }
  void draw(const float* z, std::int64_t vocab, std::span<const PlainDraw> draws,
            std::int32_t* tokens) override {
    inner_->draw(z, vocab, draws, tokens);
  }

 private:
  std::unique_ptr<Backend> inner_;
};

}  // namespace verbatim
