// AttentionCase: one query over a long context, computed alone, beside other sequences, and as the end of a chunk.
#pragma once

#include <memory>
#include <vector>

#include "ops/ops.h"

namespace verbatim::lab {

class AttentionCase {
 public:
  static constexpr std::int64_t kTokens = 900;  // long enough for engines to split the context

  // sinks: one for each of the 8 query heads, or none
  explicit AttentionCase(std::uint64_t seed, const spec::ScoreForm& scores = {},
                         std::vector<float> sinks = {});

  // Fills a cache as the backend does. The calls below must be of the same backend.
  void store(Backend& backend);

  // The last token's query as the first of `rows` decode rows.   y: (heads * head_dim)
  void among(Backend& backend, std::int64_t rows, std::vector<float>& y);
  // The same query as the last of a chunk of `rows` rows.        REQUIRES: rows <= kTokens
  void in_chunk(Backend& backend, std::int64_t rows, std::vector<float>& y);

 private:
  void compute(Backend& backend, const StepBatch& batch, std::int64_t wanted, std::vector<float>& y);

  std::vector<float> q_, k_, v_;  // (kTokens, heads * head_dim), (kTokens, kv_heads * head_dim) twice
  spec::ScoreForm scores_;
  std::vector<float> sinks_;  // (heads) or empty
  std::unique_ptr<KvCache> cache_;
};

}  // namespace verbatim::lab
