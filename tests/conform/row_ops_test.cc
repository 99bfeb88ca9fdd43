// Operations on rows: quantise, rms_norm, swiglu, rope, add, embed, log_normalise.
#include <bit>
#include <cmath>
#include <limits>

#include "conform/conform.h"
#include "random_codes.h"
#include "spec/log_softmax.h"

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
      std::vector<float> x = make_matrix(random(), values, static_cast<std::size_t>(k), rows, k);
      SCOPED_TRACE(testing::Message() << rows << " x " << k << ", " << name_of(form));
      expect_same_fix("quantise", rows, k, [&](Backend& b, FixRows& out, Faults faults) {
        b.quantise(x.data(), rows, k, form, out, faults);
      });
    }
  });
}

TEST_P(RowOps, QuantiseReusesItsStorageForSmallerRows) {
  FixRows out = backend().make_rows(4, 200), expected = reference().make_rows(4, 200);
  Weights identity = Weights::identity(70, {});
  for (std::int64_t k : {200, 70}) {  // what the wider rows left behind must not be summed
    std::vector<float> x = make_matrix(random(), finite_values(), 0, 4, k);
    FaultLog faults(4);
    backend().quantise(x.data(), 4, k, {}, out, faults.at(1));
    reference().quantise(x.data(), 4, k, {}, expected, faults.at(1));
  }
  std::vector<float> y(4 * 70), y_expected(4 * 70);
  LinearJob job{&identity.matrix(), nullptr, y.data()};
  backend().linear(out, {&job, 1});
  job.y = y_expected.data();
  reference().linear(expected, {&job, 1});
  EXPECT_TRUE(same_bits("quantise", y_expected, y, 70));
}

TEST_P(RowOps, FaultsKeepTheirFirstSite) {
  std::vector<float> x = {1, NAN, 2, 3};  // (2, 2): the first row is at fault
  FixRows out = backend().make_rows(2, 2);
  FaultLog faults(2);
  backend().quantise(x.data(), 2, 2, {}, out, faults.at(5));
  backend().quantise(x.data(), 2, 2, {}, out, faults.at(6));
  EXPECT_EQ(faults.sites, (std::vector<std::uint32_t>{5, 0}));
  EXPECT_EQ(out.scale[0], 0);
}

TEST_P(RowOps, RmsNorm) {
  std::vector<Values> values = all_values();
  each_shape([&](std::int64_t rows, std::int64_t k) {
    std::vector<float> gain = make_matrix(random(), finite_values(), static_cast<std::size_t>(k) % 4, 1, k);
    std::vector<float> x = make_matrix(random(), values, static_cast<std::size_t>(k), rows, k), expected = x;
    SCOPED_TRACE(testing::Message() << rows << " x " << k);
    for (float epsilon : {1e-5f, 0x1p-149f}) {
      std::vector<float> in = x, out = x;
      reference().rms_norm(in.data(), gain.data(), epsilon, rows, k);
      backend().rms_norm(out.data(), gain.data(), epsilon, rows, k);
      EXPECT_TRUE(same_bits("rms_norm", in, out, k));
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
      expect_same_fix("rms_norm_quantise", rows, k, [&](Backend& b, FixRows& out, Faults faults) {
        b.rms_norm_quantise(x.data(), gain.data(), 1e-6f, rows, k, form, out, faults);
      });
    }
  });
}

// Gates over the whole range of exp, its ends and the places where its result is subnormal or overflows.
void fill_gates(Random& random, std::span<float> row) {
  constexpr float kEdges[] = {88.72283f,  88.72284f, 89.0f,  -87.33655f, -88.0f,    -103.97f,
                              103.97208f, 104.0f,    -1e30f, 1e30f,      0x1p-149f, -0.0f};
  for (float& x : row) {
    x = random() % 4 == 0 ? kEdges[random() % std::size(kEdges)] : uniform(random, -110, 110);
  }
}

TEST_P(RowOps, SwigluQuantise) {
  std::vector<Values> values = all_values();
  values.push_back({"gates", fill_gates});
  each_shape([&](std::int64_t rows, std::int64_t k) {
    std::vector<float> gate = make_matrix(random(), values, static_cast<std::size_t>(k), rows, k);
    std::vector<float> up = make_matrix(random(), finite_values(), 0, rows, k);
    for (std::int64_t r = 0; r < rows; r += 2) {
      fill_gates(random(),
                 std::span(gate).subspan(static_cast<std::size_t>(r * k), static_cast<std::size_t>(k)));
    }
    for (FixForm form : kForms) {
      SCOPED_TRACE(testing::Message() << rows << " x " << k << ", " << name_of(form));
      expect_same_fix("swiglu_quantise", rows, k, [&](Backend& b, FixRows& out, Faults faults) {
        b.swiglu_quantise(gate.data(), up.data(), rows, k, form, out, faults);
      });
    }
  });
}

// Quantisation hides the last bits of swiglu: one value a row is the row's scale times Q, so it shows them.
TEST_P(RowOps, SwigluOfEveryGate) {
  constexpr std::int64_t kRows = 4096;
  std::vector<float> gate(kRows), up = make_matrix(random(), finite_values(), 0, 1, kRows);
  fill_gates(random(), gate);
  expect_same_fix("swiglu_quantise", kRows, 1, [&](Backend& b, FixRows& out, Faults faults) {
    b.swiglu_quantise(gate.data(), up.data(), kRows, 1, {}, out, faults);
  });
}

TEST_P(RowOps, Rope) {
  constexpr std::int64_t kPositions = 50;
  for (std::int64_t head_dim : {2, 4, 6, 8, 20, 32, 64, 66, 80, 128}) {
    for (std::int64_t heads : {1, 3, 40}) {
      for (bool interleaved : {false, true}) {
        std::int64_t rows = 17, half = head_dim / 2;
        std::vector<float> cosine = make_matrix(random(), finite_values(), 0, kPositions, half);
        std::vector<float> sine = make_matrix(random(), finite_values(), 0, kPositions, half);
        std::vector<float> x = make_matrix(random(), all_values(), 0, rows, heads * head_dim), expected = x;
        std::vector<std::int32_t> positions;
        for (std::int64_t r = 0; r < rows; ++r) {
          positions.push_back(static_cast<std::int32_t>(pick(random(), 0, kPositions - 1)));
        }
        RopeArgs args{heads, head_dim, interleaved, cosine.data(), sine.data()};
        reference().rope(args, positions, expected.data());
        backend().rope(args, positions, x.data());
        EXPECT_TRUE(same_bits("rope", expected, x, heads * head_dim))
            << heads << " heads of " << head_dim << (interleaved ? ", interleaved" : ", halves");
      }
    }
  }
}

TEST_P(RowOps, Add) {
  for (std::int64_t count : {1, 15, 16, 17, 1000, 70001}) {
    std::vector<float> x = make_matrix(random(), all_values(), 0, 1, count), expected = x;
    std::vector<float> y = make_matrix(random(), finite_values(), 3, 1, count);
    reference().add(expected.data(), y.data(), count);
    backend().add(x.data(), y.data(), count);
    EXPECT_TRUE(same_bits("add", expected, x, count)) << count;
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
  for (int i = 0; i < kTimes && !HasFailure(); ++i) {
    std::vector<float> sum = x;
    backend().add(sum.data(), y.data(), kCount);
    EXPECT_TRUE(same_bits("add", expected, sum, kCount));
  }

  std::vector<float> gain(64, 0x1p-140f), row(64, -1.0f), halved(64, -0x1p-141f);
  backend().rms_norm(row.data(), gain.data(), 3.0f, 1, 64);  // 1 / sqrt(1 + 3) = 1/2
  EXPECT_TRUE(same_bits("rms_norm", halved, row, 64));
}

TEST_P(RowOps, Embed) {
  for (WeightKind kind : every_kind()) {
    for (std::int64_t dim : {1, 33, 64, 200, 1000}) {
      Weights table(random(), kind, 37, dim);
      std::vector<std::int32_t> tokens;
      for (std::int32_t i = 0; i < 37; ++i) tokens.push_back(i * 5 % 37);
      std::vector<float> expected(tokens.size() * static_cast<std::size_t>(dim)), y(expected.size());
      reference().embed(table.matrix(), tokens, expected.data());
      backend().embed(table.matrix(), tokens, y.data());
      EXPECT_TRUE(same_bits("embed", expected, y, dim)) << name_of(kind) << ", dim " << dim;
    }
  }
}

std::vector<float> flatten(const std::vector<Backend::Normaliser>& normalisers) {
  std::vector<float> flat;
  for (auto n : normalisers) flat.insert(flat.end(), {n.max, n.log_sum});
  return flat;
}

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
    std::vector<float> z = make_matrix(random(), values, 0, rows, vocab);
    std::vector<Backend::Normaliser> expected(values.size()), actual(values.size());
    reference().log_normalise(z.data(), rows, vocab, expected.data());
    backend().log_normalise(z.data(), rows, vocab, actual.data());
    EXPECT_TRUE(same_bits("log_normalise", flatten(expected), flatten(actual), 2)) << "vocab " << vocab;
  }
}

TEST_P(RowOps, ExpOfLogits) {
  for (float temperature : {1.0f, 0.7f, 1e-3f, 1e-40f, 3e38f}) {
    for (std::int64_t count : {1, 2, 15, 16, 17, 100, 1023, 32000}) {
      std::vector<float> v(static_cast<std::size_t>(count));
      for (float& x : v) x = uniform(random(), -40, 8);
      v[0] = -3e38f;
      float best = *std::max_element(v.begin(), v.end());
      std::vector<float> expected(v.size()), actual(v.size());
      reference().exp_of_logits(v.data(), best, temperature, count, expected.data());
      backend().exp_of_logits(v.data(), best, temperature, count, actual.data());
      EXPECT_TRUE(same_bits("exp_of_logits", expected, actual, count)) << "temperature " << temperature;
    }
  }
}

TEST_P(RowOps, LogNormaliseOfZerosOfBothSignsHasOneMaximum) {
  std::vector<float> z = {-0.0f, 0.0f, -0.0f};
  for (std::int64_t first : {0, 1}) {
    Backend::Normaliser out;
    backend().log_normalise(z.data() + first, 1, 2, &out);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(out.max), 0u);
  }
}

// Any NaN, any +infinity and a row of nothing but -infinity: a maximum that is not finite.
TEST_P(RowOps, LogNormaliseReportsRowsWithoutProbabilities) {
  for (float poison : {NAN, -NAN, INFINITY}) {
    for (std::size_t at : {0u, 5u, 16u, 1030u, 2046u}) {
      std::vector<float> z(2047, -1.0f);
      z[at] = poison;
      Backend::Normaliser out;
      backend().log_normalise(z.data(), 1, 2047, &out);
      EXPECT_FALSE(std::isfinite(out.max)) << poison << " at " << at;
    }
  }
}

}  // namespace
}  // namespace verbatim::conform
