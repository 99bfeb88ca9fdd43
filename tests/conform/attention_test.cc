// store_kv and attention: shapes of heads, positions around the block of 128, windows, mixed batches; sinks, caps and scales.
#include <algorithm>
#include <numeric>

#include "conform/conform.h"

namespace verbatim::conform {
namespace {

// A segment by its rows and the position of the first.
struct Span {
  std::int32_t first_position, rows;
};

struct Case {
  KvShape shape;
  std::int64_t heads;
  std::int64_t window = 0;
  int limbs = 2;
  std::vector<Span> spans;
  spec::ScoreForm scores = {};
  bool sinks = false;
};

testing::Message describe(const Case& c) {
  testing::Message text;
  text << c.heads << " heads over " << c.shape.kv_heads << ", head_dim " << c.shape.head_dim << ", kv limbs "
       << c.shape.limbs << (c.shape.rotated ? ", rotated" : "") << ", limbs " << c.limbs << ", window "
       << c.window << ", scale " << c.scores.scale.value_or(0) << ", cap " << c.scores.cap
       << (c.sinks ? ", sinks" : "") << ", segments";
  for (Span s : c.spans) text << " [" << s.first_position << ", " << s.first_position + s.rows << ")";
  return text;
}

class Attention : public Conform {
 protected:
  // Pages in shuffled order, one run a segment.
  StepBatch make_batch(const std::vector<Span>& spans) {
    std::vector<std::int32_t> free(static_cast<std::size_t>(pages_of(spans)));
    std::iota(free.begin(), free.end(), 0);
    std::shuffle(free.begin(), free.end(), random());
    StepBatch batch;
    for (Span span : spans) {
      Segment segment{static_cast<std::int32_t>(batch.rows()), span.rows, span.first_position, {}};
      for (std::int64_t block = 0; block * kPageTokens < span.first_position + span.rows; ++block) {
        segment.pages.push_back(free.back());
        free.pop_back();
      }
      for (std::int32_t r = 0; r < span.rows; ++r) {
        batch.tokens.push_back(0);
        batch.positions.push_back(span.first_position + r);
      }
      batch.segments.push_back(segment);
    }
    return batch;
  }

  static std::int64_t pages_of(const std::vector<Span>& spans) {
    std::int64_t pages = 0;
    for (Span s : spans) pages += (s.first_position + s.rows + kPageTokens - 1) / kPageTokens;
    return pages;
  }

  // The whole of each sequence of `batch`, so that store_kv can fill its history.
  static StepBatch history_of(const StepBatch& batch) {
    StepBatch history;
    for (const Segment& s : batch.segments) {
      Segment whole{static_cast<std::int32_t>(history.rows()), s.first_position + s.rows, 0, s.pages};
      for (std::int32_t p = 0; p < whole.rows; ++p) {
        history.tokens.push_back(0);
        history.positions.push_back(p);
      }
      history.segments.push_back(whole);
    }
    return history;
  }

  // A cache and what was stored in it.
  struct Filled {
    KvCache cache;
    // (pages, layers, KV heads): keys (128, head_dim) and values; then their scales, (2, 128)
    std::vector<float> integers, scales;
    std::vector<std::uint32_t> faults;
  };

  static Filled fill(Side& side, const KvShape& shape, std::int64_t pages, const StepBatch& batch,
                     const std::vector<float>& k, const std::vector<float>& v) {
    Filled filled{KvCache(side.memory(), shape, pages), {}, {}, {}};
    store(side, filled, batch, k, v);
    return filled;
  }
  static void store(Side& side, Filled& filled, const StepBatch& batch, const std::vector<float>& k,
                    const std::vector<float>& v) {
    const KvPages& pages = filled.cache.pages();
    const Array<float> keys = side.put(k), values = side.put(v);
    const FaultLog faults(side, batch.rows());
    StepBuffer step(side.memory());
    side->store_kv(keys.data(), values.data(), step.fill(batch), pages.shape.layers - 1, pages, faults.at(3));
    read_pages(side, filled);
    filled.faults = Side::get(faults.sites);
  }
  static void read_pages(Side& side, Filled& filled) {
    const KvPages& pages = filled.cache.pages();
    const KvShape& shape = pages.shape;
    const auto elements = static_cast<std::size_t>(kPageTokens * shape.head_dim);
    const Array<std::int16_t> keys(side.memory(), elements), values(side.memory(), elements);
    filled.integers.clear(), filled.scales.clear();
    for (std::int64_t at = 0; at < pages.pages * shape.layers * shape.kv_heads; ++at) {
      const std::int64_t head = at % shape.kv_heads, layer = at / shape.kv_heads % shape.layers;
      const std::int64_t page = at / shape.kv_heads / shape.layers;
      side->unpack_kv(pages, page, layer, head, keys.data(), values.data());
      for (const Array<std::int16_t>* array : {&keys, &values}) {
        const std::vector<std::int16_t> read = Side::get(*array);
        filled.integers.insert(filled.integers.end(), read.begin(), read.end());
      }
      std::vector<float> scales(2 * kPageTokens);
      side.memory().read(reinterpret_cast<const std::byte*>(pages.head_at(page, layer, head) +
                                                            shape.key_bytes() + shape.value_bytes()),
                         std::as_writable_bytes(std::span(scales)));
      filled.scales.insert(filled.scales.end(), scales.begin(), scales.end());
    }
  }

  struct Attended {
    std::vector<float> y;
    std::vector<std::uint32_t> faults;
  };
  // sinks: (heads), or empty
  static Attended attend(Side& side, AttentionArgs args, const Filled& filled, const StepBatch& batch,
                         const std::vector<float>& q, const std::vector<float>& sinks = {}) {
    const Array<float> queries = side.put(q), y(side.memory(), q.size()), of_heads = side.put(sinks);
    args.sinks = of_heads.data();
    const FaultLog faults(side, batch.rows());
    StepBuffer step(side.memory());
    side->attention(args, queries.data(), step.fill(batch), filled.cache.pages(), y.data(), faults.at(4));
    return {Side::get(y), Side::get(faults.sites)};
  }

  // Fills a cache through both backends, compares the pages, then compares the attention of the batch.
  void expect_same(const Case& c, std::span<const Values> kv_values, std::span<const Values> q_values) {
    SCOPED_TRACE(describe(c));
    std::int64_t kv_width = c.shape.kv_heads * c.shape.head_dim, pages = pages_of(c.spans);
    StepBatch batch = make_batch(c.spans), history = history_of(batch);
    std::vector<float> k = make_matrix(random(), kv_values, 0, history.rows(), kv_width);
    std::vector<float> v = make_matrix(random(), kv_values, 1, history.rows(), kv_width);
    const Filled expected = fill(reference(), c.shape, pages, history, k, v),
                 actual = fill(backend(), c.shape, pages, history, k, v);
    EXPECT_TRUE(same_bits("store_kv", expected.integers, actual.integers, c.shape.head_dim))
        << "(a row is a token of a page's layer and KV head, first of its keys, then of its values)";
    EXPECT_TRUE(same_bits("scales of store_kv", expected.scales, actual.scales, kPageTokens));
    EXPECT_EQ(expected.faults, actual.faults) << "store_kv";

    const std::int64_t width = c.heads * c.shape.head_dim;
    const std::vector<float> q = make_matrix(random(), q_values, 0, batch.rows(), width);
    std::vector<float> sinks;
    for (std::int64_t head = 0; c.sinks && head < c.heads; ++head) sinks.push_back(uniform(random(), -4, 4));
    const AttentionArgs args{c.heads, c.window, c.limbs, c.shape.layers - 1, c.scores};
    const Attended wanted = attend(reference(), args, expected, batch, q, sinks),
                   got = attend(backend(), args, actual, batch, q, sinks);
    EXPECT_TRUE(same_bits("attention", wanted.y, got.y, width));
    EXPECT_EQ(wanted.faults, got.faults) << "attention";
  }
};
INSTANTIATE_TEST_SUITE_P(EveryBackend, Attention, every_backend(), backend_case_name);

const Values kOrdinary[] = {finite_values()[0]};

// Decode rows and chunks that end, start and lie across the edges of blocks.
const std::vector<Span> kSpansAroundBlocks = {{0, 1},   {126, 1}, {127, 1},  {128, 1}, {129, 1},
                                              {255, 1}, {256, 1}, {0, 5},    {0, 130}, {120, 9},
                                              {127, 2}, {128, 3}, {250, 12}, {63, 66}};

TEST_P(Attention, PositionsAroundBlocks) {
  for (std::int64_t head_dim : {16, 64, 128})
    expect_same({{1, 2, head_dim, 2}, 4, 0, 2, kSpansAroundBlocks}, kOrdinary, kOrdinary);
}

// Rows of long segments in tiles of 64: groups of heads that divide them, that do not, and one that is larger than a warp's rows.
TEST_P(Attention, LongSegments) {
  for (std::int64_t heads : {1, 3, 4, 24})
    expect_same({{1, 1, 64, 2, true}, heads, 100, 2, {{0, 70}, {250, 1}, {90, 45}, {3, 17}}}, kOrdinary,
                kOrdinary);
}

TEST_P(Attention, Windows) {
  for (std::int64_t window : {1, 2, 5, 127, 128, 129, 200, 1000}) {
    expect_same({{1, 1, 8, 2}, 2, window, 2, kSpansAroundBlocks}, kOrdinary, kOrdinary);
    expect_same({{1, 1, 64, 1, true}, 2, window, 1, kSpansAroundBlocks}, kOrdinary, kOrdinary);
  }
}

TEST_P(Attention, ShapesOfHeads) {
  struct Heads {
    std::int64_t heads, kv_heads;
  };
  for (std::int64_t head_dim : {4, 6, 8, 20, 48, 64, 66, 128}) {
    for (Heads h : {Heads{1, 1}, Heads{3, 3}, Heads{6, 2}, Heads{8, 1}, Heads{40, 1}}) {
      expect_same({{2, h.kv_heads, head_dim, 2}, h.heads, 0, 2, {{130, 1}, {0, 3}, {125, 9}}}, kOrdinary,
                  kOrdinary);
    }
  }
}

TEST_P(Attention, LimbsOfQueriesAndCache) {
  for (int limbs : {1, 2}) {
    for (int kv_limbs : {1, 2}) {
      for (std::int64_t head_dim : {6, 8, 64, 96, 256}) {
        for (bool rotated : {false, true}) {
          expect_same({{1, 2, head_dim, kv_limbs, rotated}, 4, 0, limbs, {{140, 4}, {0, 20}}}, kOrdinary,
                      kOrdinary);
        }
      }
    }
  }
}

// Rows of every magnitude: scores that overflow, underflow, tie or are zero;
// tokens whose values are all zero.
TEST_P(Attention, AdversarialMagnitudes) {
  expect_same({{1, 1, 16, 2}, 2, 0, 2, {{140, 30}, {0, 40}}}, finite_values(), finite_values());
  expect_same({{1, 2, 16, 2}, 2, 50, 1, {{140, 30}, {0, 40}}}, finite_values(), finite_values());
  expect_same({{1, 2, 16, 1, true}, 2, 0, 1, {{140, 30}, {0, 40}}}, finite_values(), finite_values());
  expect_same({{1, 2, 64, 2}, 4, 0, 2, {{140, 30}, {150, 1}, {0, 40}}}, finite_values(), finite_values());
  expect_same({{1, 1, 128, 1, true}, 4, 0, 1, {{140, 30}, {150, 1}}}, finite_values(), finite_values());
}

TEST_P(Attention, FaultsStayInTheirRows) {
  std::vector<Values> values = all_values();
  for (std::int64_t head_dim : {8, 64})
    for (bool rotated : {false, true})
      expect_same({{1, 2, head_dim, 2, rotated}, 4, 0, 2, {{0, 34}, {150, 1}, {3, 7}}}, values, values);
}

TEST_P(Attention, Sinks) {
  for (std::int64_t window : {0, 1, 100, 128})
    for (int limbs : {1, 2})
      expect_same({{1, 2, 16, limbs, limbs == 1}, 6, window, limbs, kSpansAroundBlocks, {}, true}, kOrdinary,
                  kOrdinary);
}

TEST_P(Attention, CapsAndScalesOfScores) {
  for (const spec::ScoreForm& scores :
       {spec::ScoreForm{{}, 50}, {{}, 0.5f}, {0.0625f, 0}, {1, 30}, {1e-4f, 1e-6f}})
    for (bool sinks : {false, true})
      expect_same({{1, 2, 20, 2}, 4, sinks ? 130 : 0, 2, kSpansAroundBlocks, scores, sinks}, kOrdinary,
                  kOrdinary);
}

// Scores that overflow are faults where they are capped; sinks meet scores far from their own.
TEST_P(Attention, AdversarialScoresWithCapsAndSinks) {
  for (const spec::ScoreForm& scores : {spec::ScoreForm{{}, 50}, {1e30f, 0}, {2, 1e30f}})
    for (int limbs : {1, 2})
      expect_same({{1, 1, 16, limbs, limbs == 1}, 2, 0, limbs, {{140, 30}, {0, 40}}, scores, true},
                  all_values(), all_values());
}

// Pages that earlier sequences left full: places after the last token must not be seen.
TEST_P(Attention, WhatEarlierTokensLeftInAPageIsNotSeen) {
  KvShape shape{1, 1, 8, 2};
  StepBatch full = make_batch({{0, 128}}), one = make_batch({{0, 3}});
  std::vector<float> k = make_matrix(random(), kOrdinary, 0, 128, 8),
                     v = make_matrix(random(), kOrdinary, 0, 128, 8);
  const std::vector<float> q = make_matrix(random(), kOrdinary, 0, 3, 8);
  Filled used = fill(backend(), shape, 1, full, k, v);
  std::rotate(k.begin(), k.begin() + 24, k.end());
  store(backend(), used, one, k, v);
  const Filled fresh = fill(reference(), shape, 1, one, k, v);
  const AttentionArgs args{.heads = 1};
  EXPECT_TRUE(same_bits("attention", attend(reference(), args, fresh, one, q).y,
                        attend(backend(), args, used, one, q).y, 8));
}

}  // namespace
}  // namespace verbatim::conform
