// store_kv and attention: shapes of heads, positions around the block of 128, windows, mixed batches.
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
};

testing::Message describe(const Case& c) {
  testing::Message text;
  text << c.heads << " heads over " << c.shape.kv_heads << ", head_dim " << c.shape.head_dim << ", kv limbs "
       << c.shape.limbs << (c.shape.rotated ? ", rotated" : "") << ", limbs " << c.limbs << ", window "
       << c.window << ", segments";
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

  void expect_same_pages(const KvPages& expected, const KvPages& actual) {
    const KvShape& shape = expected.shape();
    for (std::int64_t page = 0; page < expected.pages(); ++page) {
      for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
        for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
          auto e = expected.head(page, layer, head), a = actual.head(page, layer, head);
          for (std::int64_t i = 0; i < shape.key_bytes() + shape.value_bytes(); ++i) {
            ASSERT_EQ(int{e.keys[i]}, int{a.keys[i]})
                << "store_kv: byte " << i << " of page " << page << ", layer " << layer << ", head " << head;
          }
          ASSERT_TRUE(same_bits("store_kv", {e.key_scale, 2 * kPageTokens}, {a.key_scale, 2 * kPageTokens},
                                kPageTokens));
        }
      }
    }
  }

  // Fills a cache through both backends, compares the pages, then compares the attention of the batch.
  void expect_same(const Case& c, std::span<const Values> kv_values, std::span<const Values> q_values) {
    SCOPED_TRACE(describe(c));
    std::int64_t layer = c.shape.layers - 1, kv_width = c.shape.kv_heads * c.shape.head_dim;
    StepBatch batch = make_batch(c.spans), history = history_of(batch);
    std::vector<float> k = make_matrix(random(), kv_values, 0, history.rows(), kv_width);
    std::vector<float> v = make_matrix(random(), kv_values, 1, history.rows(), kv_width);
    KvPages expected_pages(c.shape, pages_of(c.spans)), actual_pages(c.shape, pages_of(c.spans));
    FaultLog expected_faults(history.rows()), actual_faults(history.rows());
    reference().store_kv(k.data(), v.data(), history, layer, expected_pages, expected_faults.at(3));
    backend().store_kv(k.data(), v.data(), history, layer, actual_pages, actual_faults.at(3));
    expect_same_pages(expected_pages, actual_pages);
    EXPECT_EQ(expected_faults.sites, actual_faults.sites) << "store_kv";

    std::int64_t width = c.heads * c.shape.head_dim;
    std::vector<float> q = make_matrix(random(), q_values, 0, batch.rows(), width), expected(q.size()),
                       y(q.size());
    FaultLog expected_q(batch.rows()), actual_q(batch.rows());
    AttentionArgs args{c.heads, c.window, c.limbs, layer};
    reference().attention(args, q.data(), batch, expected_pages, expected.data(), expected_q.at(4));
    backend().attention(args, q.data(), batch, actual_pages, y.data(), actual_q.at(4));
    EXPECT_TRUE(same_bits("attention", expected, y, width));
    EXPECT_EQ(expected_q.sites, actual_q.sites) << "attention";
  }
};
INSTANTIATE_TEST_SUITE_P(EveryBackend, Attention, every_backend(), backend_case_name);

const Values kOrdinary[] = {finite_values()[0]};

// Decode rows and chunks that end, start and lie across the edges of blocks.
const std::vector<Span> kSpansAroundBlocks = {{0, 1},   {126, 1}, {127, 1},  {128, 1}, {129, 1},
                                              {255, 1}, {256, 1}, {0, 5},    {0, 130}, {120, 9},
                                              {127, 2}, {128, 3}, {250, 12}, {63, 66}};

TEST_P(Attention, PositionsAroundBlocks) {
  expect_same({{1, 2, 16, 2}, 4, 0, 2, kSpansAroundBlocks}, kOrdinary, kOrdinary);
}

TEST_P(Attention, Windows) {
  for (std::int64_t window : {1, 2, 5, 127, 128, 129, 200, 1000}) {
    expect_same({{1, 1, 8, 2}, 2, window, 2, kSpansAroundBlocks}, kOrdinary, kOrdinary);
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
}

TEST_P(Attention, FaultsStayInTheirRows) {
  std::vector<Values> values = all_values();
  for (bool rotated : {false, true})
    expect_same({{1, 2, 8, 2, rotated}, 4, 0, 2, {{0, 34}, {150, 1}, {3, 7}}}, values, values);
}

// Pages that earlier sequences left full: places after the last token must not be seen.
TEST_P(Attention, WhatEarlierTokensLeftInAPageIsNotSeen) {
  KvShape shape{1, 1, 8, 2};
  StepBatch full = make_batch({{0, 128}}), one = make_batch({{0, 3}});
  std::vector<float> k = make_matrix(random(), kOrdinary, 0, 128, 8),
                     v = make_matrix(random(), kOrdinary, 0, 128, 8);
  std::vector<float> q = make_matrix(random(), kOrdinary, 0, 3, 8), expected(q.size()), y(q.size());
  KvPages fresh(shape, 1), used(shape, 1);
  FaultLog faults(128);
  backend().store_kv(k.data(), v.data(), full, 0, used, faults.at(1));
  std::rotate(k.begin(), k.begin() + 24, k.end());
  for (KvPages* pages : {&fresh, &used}) backend().store_kv(k.data(), v.data(), one, 0, *pages, faults.at(1));
  reference().attention({1, 0, 2, 0}, q.data(), one, fresh, expected.data(), faults.at(2));
  backend().attention({1, 0, 2, 0}, q.data(), one, used, y.data(), faults.at(2));
  EXPECT_TRUE(same_bits("attention", expected, y, 8));
}

}  // namespace
}  // namespace verbatim::conform
