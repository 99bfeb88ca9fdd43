// FakeModel: logits that are a hash of everything the row may see, so that any mistake of scheduler, prefix
// cache or engine changes them, and nothing else does.
//
// It keeps, in pages as a real model's, a 64-bit hash for each position: of the token, the position
// and the hash one position earlier, as its page holds it. A row's logits hash what the pages hold at every
// position up to its own. A wrong page table, a stale shared page, a copy made too late, a wrong position:
// each one shows in every logit after it.
#pragma once

#include <string>
#include <vector>

#include "host_model.h"

namespace verbatim {

class FakeModel final : public HostModel {
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

 private:
  Computed compute(const StepBatch& batch, Pages& pages) override {
    Computed made;
    auto next_wanted = batch.logits_rows.begin();
    for (const Segment& segment : batch.segments) {
      for (std::int32_t row = segment.first_row; row < segment.first_row + segment.rows; ++row) {
        auto r = static_cast<std::size_t>(row);
        std::int64_t position = batch.positions[r];
        auto token = static_cast<std::uint64_t>(batch.tokens[r]);
        std::uint64_t before = position == 0 ? 0 : pages.at(segment, position - 1);
        pages.at(segment, position) = mix(mix(before, token + 1), static_cast<std::uint64_t>(position));
        if (batch.tokens[r] == kPoison)
          made.faults.push_back({row, "position " + std::to_string(position) + " is poisoned"});
        if (next_wanted == batch.logits_rows.end() || *next_wanted != row) continue;
        ++next_wanted;
        std::uint64_t seen = 0;
        for (std::int64_t t = 0; t <= position; ++t) seen = mix(seen, pages.at(segment, t));
        made.hidden.push_back({1, {}});
        for (int shift = 0; shift < 64; shift += 16)
          made.hidden.back().q.push_back(static_cast<std::int16_t>(seen >> shift));
        for (std::int64_t i = 0; i < config_.vocab_size; ++i)
          // In [-4, 4).
          made.logits.push_back(
              i == kPoison
                  ? -1000.0f
                  : static_cast<float>(mix(seen, static_cast<std::uint64_t>(i)) >> 40) * 0x1p-21f - 4);
      }
    }
    return made;
  }

  static std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 32) * 0xD6E8FEB86659FD93u;
    return h ^ h >> 32;
  }

  ModelConfig config_;
};

}  // namespace verbatim
