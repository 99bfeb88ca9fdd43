// The element-wise row kernels of every instruction set of this machine against their pages in spec/, on bits: lengths around the
// width of a vector, special values, and values over the whole range of each function. (What tests/conform sees of them is
// quantised; here every bit is seen.)
#include "backend/cpu/float_ops.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <string_view>
#include <vector>

#include "kernels/print_kernels.h"
#include "spec/clamped_swiglu.h"
#include "spec/gelu.h"
#include "spec/moe.h"
#include "spec/scale.h"
#include "spec/softcap.h"
#include "spec/swiglu.h"
#include "thinning.h"

namespace verbatim::cpu {

namespace {

constexpr std::int64_t kLengths[] = {1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 65, 100, 257};
constexpr std::int64_t kLong = 200'001 / kThinning;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Zeros, subnormals, what is not finite, and the ends of exp, tanh, gelu and of the limits below.
constexpr float kSpecial[] = {0.0f,     -0.0f,     0x1p-149f, -0x1p-149f, 0x1p-126f,  -0x1p-126f, 1.0f,
                              -1.0f,    7.0f,      -7.0f,     7.000001f,  -7.000001f, 16.0f,      -16.0f,
                              52.0f,    -52.0f,    88.72284f, -103.98f,   1e10f,      -1e10f,     3.4e38f,
                              -3.4e38f, -10.1f,    -14.42f,   NAN,        -NAN,       kInfinity,  -kInfinity,
                              0x1p-12f, -0x1p-12f, 9.010913f, -9.010913f};

class FloatOpsTest : public testing::TestWithParam<CpuKernels> {
 protected:
  void SetUp() override {
    if (!GetParam().runs_here()) GTEST_SKIP() << "this processor cannot run it";
  }
  const FloatOps& ops() const { return GetParam().ops; }

  // Special values, values of every magnitude, and values where the functions bend, mixed.
  std::vector<float> row(std::int64_t n) {
    std::vector<float> x;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::uint32_t bits = static_cast<std::uint32_t>(random_());
      switch (random_() % 4) {
        case 0:
          x.push_back(kSpecial[bits % std::size(kSpecial)]);
          break;
        case 1:
          x.push_back(std::bit_cast<float>(bits));
          break;
        default:
          x.push_back(std::uniform_real_distribution<float>(-15, 15)(random_));
      }
    }
    return x;
  }

  // page(i): what the page says of element i
  template <class Page>
  static void expect_bits(const std::vector<float>& got, Page page, const char* op) {
    for (std::size_t i = 0; i < got.size(); ++i) {
      const float expected = page(i);
      if (std::isnan(expected) && std::isnan(got[i])) continue;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(expected))
          << op << " of " << got.size() << " elements, element " << i << ": " << std::hexfloat << got[i]
          << ", by its page " << expected;
    }
  }

  template <class Body>
  void each_length(Body body) {
    for (const std::int64_t n : kLengths)
      for (int times = 0; times < 8; ++times) body(n);
    body(kLong);
  }

  // run(gate, up, n, y): the kernel;  page(gate, up): its page
  template <class Run, class Page>
  void check_gated(const char* op, Run run, Page page) {
    each_length([&](std::int64_t n) {
      const std::vector<float> gate = row(n), up = row(n);
      std::vector<float> y(gate.size() + 1, 12345);  // the last must stay
      run(gate.data(), up.data(), n, y.data());
      ASSERT_EQ(y.back(), 12345) << op << " wrote beyond its row";
      y.pop_back();
      expect_bits(
          y, [&](std::size_t i) { return page(gate[i], up[i]); }, op);
    });
  }

 private:
  std::mt19937 random_{20261128};
};

TEST_P(FloatOpsTest, Swiglu) { check_gated("swiglu", ops().swiglu, spec::swiglu); }
TEST_P(FloatOpsTest, GegluTanh) { check_gated("geglu_tanh", ops().geglu_tanh, spec::geglu_tanh); }
TEST_P(FloatOpsTest, GegluErf) { check_gated("geglu_erf", ops().geglu_erf, spec::geglu_erf); }

TEST_P(FloatOpsTest, ClampedSwiglu) {
  for (const spec::ClampedSwiglu form : {spec::ClampedSwiglu{}, {1.0f, 0.25f}, {-3.0f, 1e30f}}) {
    check_gated(
        "clamped_swiglu",
        [&](const float* gate, const float* up, std::int64_t n, float* y) {
          ops().clamped_swiglu(gate, up, form.alpha, form.limit, n, y);
        },
        [&](float gate, float up) { return spec::clamped_swiglu(gate, up, form); });
  }
}

TEST_P(FloatOpsTest, Softcap) {
  for (const float cap : {1.0f, 30.0f, 50.0f, 1e-30f, 1e30f}) {
    each_length([&](std::int64_t n) {
      const std::vector<float> z = row(n);
      std::vector<float> y = z;
      ops().softcap(y.data(), cap, n);
      expect_bits(
          y, [&](std::size_t i) { return spec::softcap(z[i], cap); }, "softcap");
    });
  }
}

TEST_P(FloatOpsTest, Sigmoid) {
  each_length([&](std::int64_t n) {
    const std::vector<float> x = row(n);
    std::vector<float> y(x.size());
    ops().sigmoid(x.data(), n, y.data());
    expect_bits(
        y, [&](std::size_t i) { return spec::sigmoid(x[i]); }, "sigmoid");
  });
}

TEST_P(FloatOpsTest, Scale) {
  for (const float s : {0.22f, 12.0f, 1.0f, 1e-30f}) {
    each_length([&](std::int64_t n) {
      const std::vector<float> x = row(n), branch = row(n);
      std::vector<float> y = x, sum = x;
      ops().scale(y.data(), s, n);
      ops().add_scaled(sum.data(), branch.data(), s, n);
      expect_bits(
          y, [&](std::size_t i) { return spec::scaled(x[i], s); }, "scale");
      expect_bits(
          sum, [&](std::size_t i) { return spec::add_scaled(x[i], branch[i], s); }, "add_scaled");
    });
  }
}

// The sum of spec/moe.h by rows: the first expert scales, the others are added.
TEST_P(FloatOpsTest, MoeSum) {
  const float weights[] = {0.3f, 0.1f, 0.6f};
  each_length([&](std::int64_t n) {
    const std::vector<float> rows = row(3 * n), shared = row(n);
    std::vector<float> y(rows.begin(), rows.begin() + n), expected(y.size());
    ops().scale(y.data(), weights[0], n);
    for (const std::int64_t e : {1, 2}) ops().add_weighted(y.data(), rows.data() + e * n, weights[e], n);
    ops().add_weighted(y.data(), shared.data(), 0.37f, n);
    spec::moe_sum(weights, 3, rows.data(), shared.data(), 0.37f, n, expected.data());
    expect_bits(
        y, [&](std::size_t i) { return expected[i]; }, "the sum of experts");
  });
}

INSTANTIATE_TEST_SUITE_P(EverySet, FloatOpsTest,
                         testing::ValuesIn(all_kernels().begin(), all_kernels().end()),
                         [](const auto& named) { return std::string(named.param.name); });

}  // namespace
}  // namespace verbatim::cpu
