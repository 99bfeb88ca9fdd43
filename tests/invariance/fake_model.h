// FakeModel: logits that are a hash of everything the row may see, so that any mistake of scheduler, prefix
// cache or engine changes them, and nothing else does.
//
// It keeps, in the same KvPages as a real model, a 64-bit hash for each position: of the token, the position
// and the hash one position earlier, as its page holds it. A row's logits hash what the pages hold at every
// position up to its own. A wrong page table, a stale shared page, a copy made too late, a wrong position:
// each one shows in every logit after it.
#pragma once

#include <bit>
#include <string>
#include <vector>

#include "model/model.h"

namespace verbatim {

class FakeModel final : public Model {
 public:
  // A row with this token meets "a value that is not finite".
  // The token is never drawn: its logit is far below the rest.
  static constexpr std::int32_t kPoison = 13;

  explicit FakeModel(std::int64_t vocab = 64, std::int64_t context = 2048) {
    config_.architecture = "fake";
    config_.vocab_size = vocab;
    config_.context_length = context;
  }

  const ModelConfig& config() const override { return config_; }
  KvShape kv_shape() const override { return {.layers = 1, .kv_heads = 1, .head_dim = 4, .limbs = 1}; }

  std::vector<RowFault> forward(const StepBatch& batch, KvPages& pages, float* logits) override {
    std::vector<RowFault> faults;
    hidden_.clear();
    auto next_wanted = batch.logits_rows.begin();
    for (const Segment& segment : batch.segments) {
      for (std::int32_t row = segment.first_row; row < segment.first_row + segment.rows; ++row) {
        auto r = static_cast<std::size_t>(row);
        std::int64_t position = batch.positions[r];
        auto token = static_cast<std::uint64_t>(batch.tokens[r]);
        std::uint64_t before = position == 0 ? 0 : read(pages, segment, position - 1);
        write(pages, segment, position, mix(mix(before, token + 1), static_cast<std::uint64_t>(position)));
        if (batch.tokens[r] == kPoison)
          faults.push_back({row, "position " + std::to_string(position) + " is poisoned"});
        if (next_wanted == batch.logits_rows.end() || *next_wanted != row) continue;
        ++next_wanted;
        std::uint64_t seen = 0;
        for (std::int64_t t = 0; t <= position; ++t) seen = mix(seen, read(pages, segment, t));
        hidden_.push_back({1, {}});
        for (int shift = 0; shift < 64; shift += 16)
          hidden_.back().q.push_back(static_cast<std::int16_t>(seen >> shift));
        for (std::int64_t i = 0; i < config_.vocab_size; ++i)
          // In [-4, 4).
          *logits++ = i == kPoison
                          ? -1000.0f
                          : static_cast<float>(mix(seen, static_cast<std::uint64_t>(i)) >> 40) * 0x1p-21f - 4;
      }
    }
    return faults;
  }
  HiddenRow hidden_row(std::int64_t i) const override { return hidden_.at(static_cast<std::size_t>(i)); }

 private:
  static std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 32) * 0xD6E8FEB86659FD93u;
    return h ^ h >> 32;
  }
  static std::int64_t page_of(const Segment& segment, std::int64_t position) {
    return segment.pages.at(static_cast<std::size_t>(position / kPageTokens));
  }
  static std::uint64_t read(const KvPages& pages, const Segment& segment, std::int64_t position) {
    auto head = pages.head(page_of(segment, position), 0, 0);
    std::int64_t t = position % kPageTokens;
    return std::uint64_t{std::bit_cast<std::uint32_t>(head.key_scale[t])} << 32 |
           std::bit_cast<std::uint32_t>(head.value_scale[t]);
  }
  static void write(KvPages& pages, const Segment& segment, std::int64_t position, std::uint64_t hash) {
    auto head = pages.head(page_of(segment, position), 0, 0);
    std::int64_t t = position % kPageTokens;
    head.key_scale[t] = std::bit_cast<float>(static_cast<std::uint32_t>(hash >> 32));
    head.value_scale[t] = std::bit_cast<float>(static_cast<std::uint32_t>(hash));
  }

  ModelConfig config_;
  std::vector<HiddenRow> hidden_;  // of the last step's wanted rows: what their logits hash
};

}  // namespace verbatim
