// HostModel: a model of a test, which makes its logits itself, on the host.
#pragma once

#include <algorithm>

#include "model/model.h"
#include "sample/sampler.h"

namespace verbatim {

class HostModel : public Model, private LogitsMath {
 public:
  // What a model keeps of the past: a number for each position of each page.
  class Pages {
   public:
    explicit Pages(std::int64_t pages) : cells_(static_cast<std::size_t>(pages * kPageTokens)) {}
    std::uint64_t& at(const Segment& segment, std::int64_t position) {
      const std::int64_t page = segment.pages.at(static_cast<std::size_t>(position / kPageTokens));
      return cells_.at(static_cast<std::size_t>(page * kPageTokens + position % kPageTokens));
    }
    void copy(PageCopy copy) {
      std::copy_n(cells_.begin() + copy.from * kPageTokens, kPageTokens,
                  cells_.begin() + copy.to * kPageTokens);
    }

   private:
    std::vector<std::uint64_t> cells_;
  };

  // Of the wanted rows, in their order.
  struct Computed {
    std::vector<RowFault> faults;
    std::vector<float> logits;      // (wanted, vocab)
    std::vector<HiddenRow> hidden;  // (wanted)
  };

  KvShape kv_shape() const override { return {.layers = 1, .kv_heads = 1, .head_dim = 4, .limbs = 1}; }
  std::string_view backend_name() const override { return "host"; }
  LogitsMath& logits_math() override { return *this; }
  std::unique_ptr<Runner> make_runner(const RunnerOptions& options) override {
    return std::make_unique<HostRunner>(*this, options);
  }

 protected:
  virtual Computed compute(const StepBatch& batch, Pages& pages) = 0;

 private:
  class HostRunner final : public Runner {
   public:
    HostRunner(HostModel& model, const RunnerOptions& options) : model_(model), pages_(options.pages) {}

    StepResult step(const StepBatch& batch, const StepWishes& wishes) override {
      for (PageCopy copy : batch.copies) pages_.copy(copy);
      Computed computed = model_.compute(batch, pages_);
      const auto vocab = static_cast<std::size_t>(model_.config().vocab_size);
      const auto row = [&](std::int64_t i) {
        return std::span<const float>(computed.logits).subspan(static_cast<std::size_t>(i) * vocab, vocab);
      };
      StepResult result;
      result.faults = std::move(computed.faults);
      home_.clear();
      for (std::int32_t i : wishes.logits) home_.insert(home_.end(), row(i).begin(), row(i).end());
      result.logits = home_;
      for (std::int32_t i : wishes.hidden)
        result.hidden.push_back(computed.hidden.at(static_cast<std::size_t>(i)));
      for (const PlainDraw& draw : wishes.draws) {
        SamplingParams params;
        params.temperature = draw.temperature;
        params.top_k = draw.top_k;
        params.top_p = draw.top_p;
        params.min_p = draw.min_p;
        params.seed = draw.seed;
        auto token = sampler_.sample(row(draw.row), params, {}, {draw.position, draw.choice});
        result.tokens.push_back(token.ok() ? *token : -1);
      }
      return result;
    }

   private:
    HostModel& model_;
    Pages pages_;
    Sampler sampler_;
    std::vector<float> home_;
  };

  spec::LogNormaliser log_normalise(std::span<const float> z) override {
    return spec::log_normaliser(z.data(), std::ssize(z));
  }
  void exp_of_logits(std::span<const float> v, float best, float temperature, float* e) override {
    for (float x : v) *e++ = spec::exp(spec::relative_logit(x, best, temperature));
  }
};

}  // namespace verbatim
