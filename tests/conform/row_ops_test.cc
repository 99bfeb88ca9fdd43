// Operations on rows: quantise, rms_norm, rope, gather, embed, draw; and the arithmetic of rows that came home.
#include <bit>
#include <cmath>
#include <limits>

#include "conform/conform.h"
#include "random_codes.h"
#include "spec/rope.h"
#include "spec/sampling.h"

namespace verbatim::conform {
namespace {

class RowOps : public Conform {};
INSTANTIATE_TEST_SUITE_P(EveryBackend, RowOps, every_backend(), backend_case_name);

// Around the widths of registers, lanes64 and row padding;
// the last is wide enough to be divided among threads.
constexpr std::int64_t kWidths[] = {1, 2, 3, 15, 16, 17, 31, 48, 63, 64, 65, 100, 127, 128, 129, 200, 257};
constexpr std::int64_t kManyRows = 90, kManyColumns = 576;

constexpr FixForm kForms[] = {{1, false}, {2, false}, {1, true}, {2, true}};

template <class Body>
void each_shape(Body body) {
  for (std::int64_t k : kWidths) {
    for (std::int64_t rows : {1, 34}) body(rows, k);  // 34: every kind of row twice
  }
  body(kManyRows, kManyColumns);
}

TEST_P(RowOps, Quantise) {
  std::vector<Values> values = all_values();
  each_shape([&](std::int64_t rows, std::int64_t k) {
    for (FixForm form : kForms) {
      const std::vector<float> x = make_matrix(random(), values, static_cast<std::size_t>(k), rows, k);
      SCOPED_TRACE(testing::Message() << rows << " x " << k << ", " << name_of(form));
      expect_same_fix("quantise", rows, k, form, [&](Side& side, const FixRows& out, Faults faults) {
        side->quantise(side.put(x).data(), out, faults);
      });
    }
  });
}

TEST_P(RowOps, QuantiseReusesItsStorageForSmallerRows) {
  const std::vector<float> wide = make_matrix(random(), finite_values(), 0, 4, 200),
                           narrow = make_matrix(random(), finite_values(), 0, 4, 70);
  const Weights identity = Weights::identity(70, {});
  EXPECT_TRUE(same_results("quantise", 70, [&](Side& side) {
    const FixStorage storage = side->make_rows(4, 200);
    const FaultLog faults(side, 4);
    // What the wider rows left behind must not be summed.
    const Array<float> x_wide = side.put(wide), x_narrow = side.put(narrow), y = side.floats(4 * 70);
    side->quantise(x_wide.data(), storage.rows(4, 200, {}), faults.at(1));
    side->quantise(x_narrow.data(), storage.rows(4, 70, {}), faults.at(1));
    const PlacedMatrix w = side.place(identity);
    const LinearJob job{&w.matrix, nullptr, y.data()};
    side->linear(storage.rows(4, 70, {}), {&job, 1});
    return Side::get(y);
  }));
}

TEST_P(RowOps, FaultsKeepTheirFirstSite) {
  Side& side = backend();
  const Array<float> x = side.put(std::vector<float>{1, NAN, 2, 3});  // (2, 2): the first row is at fault
  const FixStorage storage = side->make_rows(2, 2);
  const FixRows out = storage.rows(2, 2, {});
  const FaultLog faults(side, 2);
  side->quantise(x.data(), out, faults.at(5));
  side->quantise(x.data(), out, faults.at(6));
  EXPECT_EQ(Side::get(faults.sites), (std::vector<std::uint32_t>{5, 0}));
  float scale = 1;
  side.memory().read(reinterpret_cast<const std::byte*>(out.scale),
                     std::as_writable_bytes(std::span(&scale, 1)));
  EXPECT_EQ(scale, 0);
}

// Rows of a step of which an operation sees some: their faults are the step's rows'.
TEST_P(RowOps, FaultsOfSomeRowsLieWhereTheRowsStand) {
  Side& side = backend();
  const Array<float> x = side.put(std::vector<float>{1, 2, NAN, 3, INFINITY, 4});  // (3, 2)
  const Array<std::int32_t> rows = side.put(std::vector<std::int32_t>{1, 4, 5});
  const FixStorage storage = side->make_rows(3, 2);
  const FaultLog faults(side, 7);
  side->quantise(x.data(), storage.rows(3, 2, {}), {faults.sites.data(), 9, rows.data()});
  EXPECT_EQ(Side::get(faults.sites), (std::vector<std::uint32_t>{0, 0, 0, 0, 9, 9, 0}));
}

// Several rows of an operation belong to each token.
TEST_P(RowOps, FaultsOfRowsOfATokenAreTheTokens) {
  Side& side = backend();
  const Array<float> x =
      side.put(std::vector<float>{1, 2, 3, 4, NAN, 5, 6, 7, INFINITY});  // (9, 1): 3 tokens
  const Array<std::int32_t> tokens = side.put(std::vector<std::int32_t>{4, 0, 2});
  const FixStorage storage = side->make_rows(9, 1);
  const FixRows out = storage.rows(9, 1, {});
  const FaultLog faults(side, 5);
  side->quantise(x.data(), out, {faults.sites.data(), 9, nullptr, 3});
  EXPECT_EQ(Side::get(faults.sites), (std::vector<std::uint32_t>{0, 9, 9, 0, 0}));
  side->gate_quantise({}, x.data(), x.data(), out, {faults.sites.data(), 8, tokens.data(), 3});
  EXPECT_EQ(Side::get(faults.sites), (std::vector<std::uint32_t>{8, 9, 9, 0, 0}));
}

TEST_P(RowOps, Gather) {
  for (std::int64_t k : {1, 17, 576}) {
    const std::vector<float> x = make_matrix(random(), all_values(), 0, 40, k);
    const std::vector<std::int32_t> index = {39, 0, 7, 7, 21};
    std::vector<float> expected;
    for (std::int32_t row : index)
      expected.insert(expected.end(), x.begin() + row * k, x.begin() + (row + 1) * k);
    Side& side = backend();
    const Array<float> from = side.put(x), y = side.floats(std::ssize(index) * k);
    const Array<std::int32_t> rows = side.put(index);
    side->gather(from.data(), rows.data(), std::ssize(index), k, y.data());
    EXPECT_TRUE(same_bits("gather", expected, Side::get(y), k));
  }
}

TEST_P(RowOps, CheckFinite) {
  const std::vector<Values> values = all_values();
  const auto finite = finite_values().size();
  for (std::int64_t k : {1, 63, 64, 65, 3000}) {
    Side& side = backend();
    const std::int64_t rows = std::ssize(values);
    const Array<float> x = side.put(make_matrix(random(), values, 0, rows, k));
    const FaultLog faults(side, rows);
    side->check_finite(x.data(), rows, k, faults.at(8));
    const std::vector<std::uint32_t> sites = Side::get(faults.sites);
    for (std::size_t row = 0; row < sites.size(); ++row)
      EXPECT_EQ(sites[row], row < finite ? 0u : 8u) << values[row].name << ", " << k << " columns";
  }
}

TEST_P(RowOps, RmsNorm) {
  std::vector<Values> values = all_values();
  each_shape([&](std::int64_t rows, std::int64_t k) {
    const std::vector<float> gain =
        make_matrix(random(), finite_values(), static_cast<std::size_t>(k) % 4, 1, k);
    const std::vector<float> x = make_matrix(random(), values, static_cast<std::size_t>(k), rows, k);
    SCOPED_TRACE(testing::Message() << rows << " x " << k);
    for (float epsilon : {1e-5f, 0x1p-149f}) {
      EXPECT_TRUE(same_results("rms_norm", k, [&](Side& side) {
        const Array<float> y = side.put(x), gains = side.put(gain);
        side->rms_norm(y.data(), gains.data(), epsilon, rows, k);
        return Side::get(y);
      }));
    }
  });
}

TEST_P(RowOps, RmsNormQuantise) {
  std::vector<Values> values = all_values();
  each_shape([&](std::int64_t rows, std::int64_t k) {
    std::vector<float> gain = make_matrix(random(), finite_values(), 0, 1, k);
    std::vector<float> x = make_matrix(random(), values, static_cast<std::size_t>(k), rows, k);
    for (FixForm form : kForms) {
      SCOPED_TRACE(testing::Message() << rows << " x " << k << ", " << name_of(form));
      expect_same_fix("rms_norm_quantise", rows, k, form, [&](Side& side, const FixRows& out, Faults faults) {
        const Array<float> in = side.put(x), gains = side.put(gain);
        side->rms_norm_quantise(in.data(), gains.data(), 1e-6f, out, faults);
      });
    }
  });
}

// Heads that turn whole and in part.
TEST_P(RowOps, Rope) {
  struct Head {
    std::int64_t dim, rotated;
  };
  for (Head head : {Head{2, 2}, Head{4, 4}, Head{6, 6}, Head{8, 8}, Head{20, 20}, Head{32, 32}, Head{64, 64},
                    Head{66, 66}, Head{80, 80}, Head{128, 128}, Head{5, 2}, Head{20, 6}, Head{64, 16},
                    Head{80, 32}, Head{96, 66}, Head{128, 64}, Head{8, 0}}) {
    for (std::int64_t heads : {1, 3, 40}) {
      for (bool interleaved : {false, true}) {
        const std::int64_t rows = 17, pairs = head.rotated / 2;
        const std::vector<float> cosine =
            make_matrix(random(), finite_values(), 0, pairs > 0 ? rows : 0, pairs);
        const std::vector<float> sine =
            make_matrix(random(), finite_values(), 0, pairs > 0 ? rows : 0, pairs);
        const std::vector<float> x = make_matrix(random(), all_values(), 0, rows, heads * head.dim);
        EXPECT_TRUE(same_results(
            "rope", heads * head.dim,
            [&](Side& side) {
              const Array<float> c = side.put(cosine), s = side.put(sine), y = side.put(x);
              side->rope({heads, head.dim, head.rotated, interleaved, c.data(), s.data()}, rows, y.data());
              return Side::get(y);
            }))
            << heads << " heads, " << head.rotated << " of " << head.dim
            << (interleaved ? ", interleaved" : ", halves");
      }
    }
  }
}

TEST_P(RowOps, RopeTable) {
  spec::RopeScaling scaling;
  for (std::int64_t head_dim : {2, 20, 128}) {
    const std::vector<double> frequencies = spec::rope_frequencies(head_dim, 10000, scaling);
    std::vector<std::int32_t> positions = {0, 1, 127, 128, 4095, 131071, 1 << 30};
    for (int i = 0; i < 300; ++i) positions.push_back(static_cast<std::int32_t>(pick(random(), 0, 1 << 20)));
    const std::int64_t rows = std::ssize(positions), pairs = std::ssize(frequencies);
    EXPECT_TRUE(same_results("rope_table", pairs, [&](Side& side) {
      const Array<double> f = side.put(frequencies);
      const Array<std::int32_t> p = side.put(positions);
      const Array<float> cosine = side.floats(rows * pairs), sine = side.floats(rows * pairs);
      side->rope_table(f.data(), pairs, 1.25, p.data(), rows, cosine.data(), sine.data());
      std::vector<float> both = Side::get(cosine), sines = Side::get(sine);
      both.insert(both.end(), sines.begin(), sines.end());
      return both;
    }));
  }
}

// Gradual underflow on every thread: no FTZ, no DAZ.
// Many times: a thread that comes late leaves its part to another.
TEST_P(RowOps, SubnormalsSurviveOnEveryThread) {
  constexpr std::size_t kCount = 200000;
  constexpr int kTimes = 300;
  std::vector<float> x(kCount), y(kCount);
  std::vector<float> expected(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    std::uint32_t a = static_cast<std::uint32_t>(i % 4096), b = static_cast<std::uint32_t>(i % 1000);
    x[i] = std::bit_cast<float>(a);
    y[i] = std::bit_cast<float>(b);
    expected[i] = std::bit_cast<float>(a + b);  // subnormals add as integers
  }
  Side& side = backend();
  Array<float> sum = side.put(x);
  const Array<float> added = side.put(y);
  for (int i = 0; i < kTimes && !HasFailure(); ++i) {
    sum.write(x);
    side->add(sum.data(), added.data(), 1, kCount);
    EXPECT_TRUE(same_bits("add", expected, Side::get(sum), kCount));
  }

  const std::vector<float> halved(64, -0x1p-141f);
  const Array<float> gain = side.put(std::vector<float>(64, 0x1p-140f)),
                     row = side.put(std::vector<float>(64, -1.0f));
  side->rms_norm(row.data(), gain.data(), 3.0f, 1, 64);  // 1 / sqrt(1 + 3) = 1/2
  EXPECT_TRUE(same_bits("rms_norm", halved, Side::get(row), 64));
}

TEST_P(RowOps, Embed) {
  for (WeightKind kind : every_kind()) {
    for (std::int64_t dim : {1, 33, 64, 200, 1000}) {
      const Weights table(random(), kind, 37, dim);
      std::vector<std::int32_t> tokens;
      for (std::int32_t i = 0; i < 37; ++i) tokens.push_back(i * 5 % 37);
      EXPECT_TRUE(same_results("embed", dim,
                               [&](Side& side) {
                                 const PlacedMatrix placed = side.place(table);
                                 const Array<std::int32_t> ids = side.put(tokens);
                                 const Array<float> y = side.floats(std::ssize(tokens) * dim);
                                 side->embed(placed.matrix, ids.data(), std::ssize(tokens), y.data());
                                 return Side::get(y);
                               }))
          << name_of(kind) << ", dim " << dim;
    }
  }
}

// Draws at every kind of filter, from rows as models give them and from rows that are no numbers.
TEST_P(RowOps, Draw) {
  std::vector<Values> values(finite_values().begin(), finite_values().begin() + 2);
  values.push_back({"logits", [](Random& r, std::span<float> row) {
                      for (float& x : row) x = uniform(r, -12, 12);
                    }});
  values.push_back({"ties", [](Random& r, std::span<float> row) {
                      for (float& x : row) x = static_cast<float>(pick(r, -2, 2));
                    }});
  values.push_back(non_finite_values()[0]);
  const std::int64_t rows = std::ssize(values);
  for (std::int64_t vocab : {1, 2, 17, 300, 5000}) {
    const std::vector<float> z = make_matrix(random(), values, 0, rows, vocab);
    std::vector<PlainDraw> draws;
    for (std::int64_t row = 0; row < rows; ++row)
      for (float temperature : {0.0f, 0.7f, 1.0f})
        for (std::int64_t top_k : {0, 1, 40})
          for (float top_p : {1.0f, 0.9f})
            draws.push_back({row, temperature, top_k, top_p, row % 2 == 0 ? 0.0f : 0.05f, random()(),
                             random()() % 100, random()() % 3});
    const auto tokens_of = [&](Side& side, std::span<const PlainDraw> some) {
      const Array<float> logits = side.put(z);
      const Array<std::int32_t> tokens(side.memory(), some.size());
      side->draw(logits.data(), vocab, some, tokens.data());
      return Side::get(tokens);
    };
    const std::vector<std::int32_t> expected = tokens_of(reference(), draws);
    EXPECT_EQ(expected, tokens_of(backend(), draws)) << "vocab " << vocab;
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const PlainDraw& d = draws[i];
      spec::SamplingParams params;
      params.temperature = d.temperature, params.top_k = d.top_k, params.top_p = d.top_p;
      params.min_p = d.min_p, params.seed = d.seed;
      const std::span row =
          std::span(z).subspan(static_cast<std::size_t>(d.row * vocab), static_cast<std::size_t>(vocab));
      EXPECT_EQ(expected[i], spec::sample(row, params, {}, {d.position, d.choice}).value_or(-1))
          << "draw " << i;
      if (i % 7 == 0) {
        EXPECT_EQ(tokens_of(backend(), std::span(draws).subspan(i, 1)).front(), expected[i]);
      }
    }
  }
}

std::vector<float> numbers_of(const spec::LogNormaliser& n) { return {n.max, n.log_sum}; }

TEST_P(RowOps, LogNormalise) {
  std::vector<Values> values = all_values();
  values.push_back({"logits", [](Random& r, std::span<float> row) {
                      for (float& x : row) x = uniform(r, -120, 20);
                    }});
  values.push_back({"masked logits", [](Random& r, std::span<float> row) {
                      for (float& x : row) x = r() % 3 ? -INFINITY : uniform(r, -3, 3);
                      row[0] = 1;
                    }});
  values.push_back({"all masked", [](Random&, std::span<float> row) {
                      for (float& x : row) x = -INFINITY;
                    }});
  std::int64_t rows = static_cast<std::int64_t>(values.size());
  for (std::int64_t vocab : {1, 2, 15, 17, 63, 100, 1023, 1024, 1025, 2048, 3001, 32000}) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::vector<float> z = make_matrix(random(), values, static_cast<std::size_t>(row), 1, vocab);
      EXPECT_TRUE(same_results("log_normalise", 2,
                               [&](Side& side) { return numbers_of(side->logits_math().log_normalise(z)); }))
          << "vocab " << vocab << ", " << values[static_cast<std::size_t>(row)].name;
    }
  }
}

TEST_P(RowOps, ExpOfLogits) {
  for (float temperature : {1.0f, 0.7f, 1e-3f, 1e-40f, 3e38f}) {
    for (std::int64_t count : {1, 2, 15, 16, 17, 100, 1023, 32000}) {
      std::vector<float> v(static_cast<std::size_t>(count));
      for (float& x : v) x = uniform(random(), -40, 8);
      v[0] = -3e38f;
      float best = *std::max_element(v.begin(), v.end());
      EXPECT_TRUE(same_results("exp_of_logits", count,
                               [&](Side& side) {
                                 std::vector<float> e(v.size());
                                 side->logits_math().exp_of_logits(v, best, temperature, e.data());
                                 return e;
                               }))
          << "temperature " << temperature;
    }
  }
}

TEST_P(RowOps, LogNormaliseOfZerosOfBothSignsHasOneMaximum) {
  for (const std::vector<float>& z : {std::vector<float>{-0.0f, 0.0f}, {0.0f, -0.0f}})
    EXPECT_EQ(std::bit_cast<std::uint32_t>(backend()->logits_math().log_normalise(z).max), 0u);
}

// Any NaN, any +infinity and a row of nothing but -infinity: a maximum that is not finite.
TEST_P(RowOps, LogNormaliseReportsRowsWithoutProbabilities) {
  for (float poison : {NAN, -NAN, INFINITY}) {
    for (std::size_t at : {0u, 5u, 16u, 1030u, 2046u}) {
      std::vector<float> z(2047, -1.0f);
      z[at] = poison;
      EXPECT_FALSE(std::isfinite(backend()->logits_math().log_normalise(z).max)) << poison << " at " << at;
    }
  }
}

}  // namespace
}  // namespace verbatim::conform
