#include "lab/attention_case.h"

#include <algorithm>
#include <utility>

#include "lab/product.h"

namespace verbatim::lab {
namespace {

constexpr std::int64_t kHeads = 8, kKvHeads = 2, kHeadDim = 64;
constexpr std::int64_t kPages = (AttentionCase::kTokens + kPageTokens - 1) / kPageTokens;

// A segment of the one sequence whose keys and values are stored: `rows` rows that end with position `last`.
void add_segment(StepBatch& batch, std::int64_t rows, std::int64_t last) {
  Segment segment;
  segment.first_row = static_cast<std::int32_t>(batch.rows());
  segment.rows = static_cast<std::int32_t>(rows);
  segment.first_position = static_cast<std::int32_t>(last + 1 - rows);
  for (std::int32_t page = 0; page * kPageTokens <= last; ++page) segment.pages.push_back(page);
  for (std::int64_t position = last + 1 - rows; position <= last; ++position) {
    batch.tokens.push_back(0);
    batch.positions.push_back(static_cast<std::int32_t>(position));
  }
  batch.segments.push_back(std::move(segment));
}

}  // namespace

AttentionCase::AttentionCase(std::uint64_t seed, const spec::ScoreForm& scores, std::vector<float> sinks)
    : q_(normal_floats(seed, kTokens * kHeads * kHeadDim)),
      k_(normal_floats(seed + 1, kTokens * kKvHeads * kHeadDim)),
      v_(normal_floats(seed + 2, kTokens * kKvHeads * kHeadDim)),
      scores_(scores),
      sinks_(std::move(sinks)) {}

void AttentionCase::store(Backend& backend) {
  Memory& memory = backend.memory();
  cache_ = std::make_unique<KvCache>(memory, KvShape{1, kKvHeads, kHeadDim, 2}, kPages);
  StepBatch batch;
  add_segment(batch, kTokens, kTokens - 1);
  StepBuffer step(memory);
  const Array<float> k(memory, k_), v(memory, v_);
  const Array<std::uint32_t> sites(memory, kTokens);
  backend.store_kv(k.data(), v.data(), step.fill(batch), 0, cache_->pages(), {sites.data(), 1});
}

void AttentionCase::among(Backend& backend, std::int64_t rows, std::vector<float>& y) {
  StepBatch batch;
  add_segment(batch, 1, kTokens - 1);
  for (std::int64_t other = 1; other < rows; ++other) add_segment(batch, 1, other * 37 % kTokens);
  compute(backend, batch, 0, y);
}

void AttentionCase::in_chunk(Backend& backend, std::int64_t rows, std::vector<float>& y) {
  StepBatch batch;
  add_segment(batch, rows, kTokens - 1);
  compute(backend, batch, rows - 1, y);
}

// Row r has the query of its position.
void AttentionCase::compute(Backend& backend, const StepBatch& batch, std::int64_t wanted,
                            std::vector<float>& y) {
  constexpr std::int64_t width = kHeads * kHeadDim;
  std::vector<float> q(static_cast<std::size_t>(batch.rows() * width));
  for (std::size_t row = 0; row < batch.positions.size(); ++row) {
    std::copy_n(q_.begin() + batch.positions[row] * width, width,
                q.begin() + static_cast<std::ptrdiff_t>(row) * width);
  }
  Memory& memory = backend.memory();
  StepBuffer step(memory);
  const Array<float> queries(memory, q), all(memory, q.size()), sinks(memory, sinks_);
  const Array<std::uint32_t> sites(memory, batch.positions.size());
  backend.attention({kHeads, 0, 2, 0, scores_, sinks.data()}, queries.data(), step.fill(batch),
                    cache_->pages(), all.data(), {sites.data(), 1});
  y.resize(width);
  all.read(y, static_cast<std::size_t>(wanted * width));
}

}  // namespace verbatim::lab
