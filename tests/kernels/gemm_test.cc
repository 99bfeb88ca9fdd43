// Every integer kernel against spec/linear.h, on bits: all kinds of weights, one and two limbs of
// activations, ragged shapes, the largest magnitudes, and sums long enough to overflow any int32 accumulator
// that is not flushed.
#include "kernels/print_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <random>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "base/aligned_buffer.h"
#include "random_codes.h"
#include "spec/fix.h"
#include "spec/linear.h"
#include "thinning.h"

namespace verbatim::cpu {

namespace {

// How the integers of a case are drawn.
enum class Fill { random, all_max, opposite_max, extreme_limbs };
const char* name_of(Fill fill) {
  constexpr const char* names[] = {"random", "all_max", "opposite_max", "extreme_limbs"};
  return names[static_cast<int>(fill)];
}

// 127 * 128 - 64: the high limb at its largest and the low limb at its most negative.
constexpr int kExtremeLimbs = 127 * 128 - 64;

int draw(Fill fill, int limbs, bool is_weight, std::mt19937& random) {
  const int Q = spec::fix_max(limbs);
  switch (fill) {
    case Fill::random:
      return std::uniform_int_distribution<int>(-Q, Q)(random);
    case Fill::all_max:
      return Q;
    case Fill::opposite_max:
      return is_weight ? -Q : Q;
    case Fill::extreme_limbs:
      return limbs == 2 ? kExtremeLimbs : -Q;
  }
  return 0;
}

// Integers of the activations, (rows, k), and the two forms a kernel may read. Rows lie `stride` apart;
// columns from k to the next multiple of 64 are zeros, as gemm.h asks, and what follows is poison.
class Activations {
 public:
  Activations(std::int64_t rows, std::int64_t k, int limbs, Fill fill, std::mt19937& random)
      : rows_(rows), k_(k), limbs_(limbs), stride_(round_up(k, 64) + 64) {
    const auto count = static_cast<std::size_t>(rows * stride_);
    wide_.assign(count, 0x7f5a);
    planes_.assign(2 * count, 0x5a);
    for (std::int64_t m = 0; m < rows; ++m) {
      for (std::int64_t c = 0; c < round_up(k, 64); ++c) {
        const int q = c < k ? draw(fill, limbs, false, random) : 0;
        const auto at = static_cast<std::size_t>(m * stride_ + c);
        wide_[at] = static_cast<std::int16_t>(q);
        planes_[at] = static_cast<std::int8_t>(limbs == 2 ? spec::high_limb(q) : q);
        if (limbs == 2) planes_[count + at] = static_cast<std::int8_t>(spec::low_limb(q));
      }
    }
  }

  const std::int16_t* row(std::int64_t m) const { return wide_.data() + m * stride_; }

  GemmRows rows(RowForm form, std::int64_t count) const {
    GemmRows x{.rows = count, .k = k_, .limbs = limbs_, .stride = stride_};
    if (form == RowForm::wide16) {
      x.wide = wide_.data();
    } else {
      x.planes = planes_.data();
      x.low_offset = rows_ * stride_;
    }
    return x;
  }

 private:
  std::int64_t rows_, k_;
  int limbs_;
  std::int64_t stride_;
  std::vector<std::int16_t> wide_;
  std::vector<std::int8_t> planes_;
};

// Integers of the weights, (n, k), and their packed panels, which lie a little apart.
class Weights {
 public:
  Weights(WeightKind kind, std::int64_t n, std::int64_t k, Fill fill, std::mt19937& random)
      : kind_(kind), k_(k), q_(static_cast<std::size_t>(n * k)) {
    packed_ = AlignedBuffer<std::int8_t>(static_cast<std::size_t>(stride() * padded_rows(n) / kPanelRows));
    for (std::int64_t row = 0; row < n; ++row) {
      holds_codes(kind) ? fill_codes(row, fill, random) : fill_planes(row, fill, random);
    }
  }

  const std::int16_t* row(std::int64_t n) const { return q_.data() + n * k_; }
  GemmPanels panels(std::int64_t n) const {
    return {.kind = kind_,
            .data = packed_.data(),
            .panel_bytes = stride(),
            .panels = padded_rows(n) / kPanelRows};
  }

 private:
  std::int64_t stride() const { return panel_bytes(kind_, k_) + 64; }
  std::int8_t* panel_of(std::int64_t row) { return packed_.data() + row / kPanelRows * stride(); }
  std::int16_t& at(std::int64_t row, std::int64_t c) { return q_[static_cast<std::size_t>(row * k_ + c)]; }

  void fill_planes(std::int64_t row, Fill fill, std::mt19937& random) {
    for (std::int64_t c = 0; c < k_; ++c) {
      const int q = draw(fill, limbs_of(kind_), true, random);
      at(row, c) = static_cast<std::int16_t>(q);
      std::int8_t* to = panel_of(row) + panel_offset(row % kPanelRows, c);
      to[0] = static_cast<std::int8_t>(limbs_of(kind_) == 2 ? spec::high_limb(q) : q);
      if (limbs_of(kind_) == 2) to[plane_bytes(k_)] = static_cast<std::int8_t>(spec::low_limb(q));
    }
  }

  void fill_codes(std::int64_t row, Fill fill, std::mt19937& random) {
    const CodeFill of = fill == Fill::random    ? CodeFill::random
                        : fill == Fill::all_max ? CodeFill::largest
                                                : CodeFill::least;
    const RowOfCodes made = row_of_codes(kind_, k_, of, [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    });
    std::ranges::copy(made.weights, &at(row, 0));
    made.pack(kind_, row % kPanelRows, reinterpret_cast<std::byte*>(panel_of(row)));
  }

  WeightKind kind_;
  std::int64_t k_;
  std::vector<std::int16_t> q_;
  AlignedBuffer<std::int8_t> packed_;
};

std::vector<float> random_floats(std::int64_t count, std::mt19937& random) {
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& f : out) f = std::uniform_real_distribution<float>(-2.0f, 2.0f)(random);
  return out;
}

constexpr std::uint32_t kPoison = 0x7fc0dead;

using Parameters = std::tuple<CpuKernels, WeightKind, int>;

class GemmTest : public ::testing::TestWithParam<Parameters> {
 protected:
  void SetUp() override {
    if (!named().runs_here()) {
      GTEST_SKIP() << "this processor cannot run the " << named().name << " kernel";
    }
  }

  const CpuKernels& named() const { return std::get<0>(GetParam()); }
  WeightKind kind() const { return std::get<1>(GetParam()); }
  int limbs() const { return std::get<2>(GetParam()); }

  // Operands and their exact dot products, for every (row, output) up to the given shape.
  struct Problem {
    std::int64_t rows, n, k;
    Fill fill;
    Activations x;
    Weights w;
    std::vector<std::int64_t> dots;  // (rows, n)
    std::vector<float> row_scale, column_scale, bias;

    Problem(WeightKind kind, int limbs, std::int64_t problem_rows, std::int64_t problem_n,
            std::int64_t problem_k, Fill problem_fill, std::mt19937 random)
        : rows(problem_rows),
          n(problem_n),
          k(problem_k),
          fill(problem_fill),
          x(rows, k, limbs, fill, random),
          w(kind, n, k, fill, random),
          row_scale(random_floats(rows, random)),
          column_scale(random_floats(padded_rows(n), random)),
          bias(random_floats(n, random)) {
      for (std::int64_t m = 0; m < rows; ++m) {
        for (std::int64_t i = 0; i < n; ++i)
          dots.push_back(spec::integer_dot(x.row(m), w.row(i), k, three_products(limbs, kind)));
      }
    }
  };

  Problem problem(std::int64_t rows, std::int64_t n, std::int64_t k, Fill fill = Fill::random) const {
    return {kind(), limbs(), rows, n, k, fill, std::mt19937(static_cast<unsigned>(k))};
  }

  // Runs the kernel on the first `rows` rows and `n` outputs and compares every bit of y, and the poison that
  // surrounds it.
  void check(const Problem& of, std::int64_t rows, std::int64_t n, bool with_column_scale = true,
             bool with_bias = false) const {
    const GemmKernel& kernel = named().gemm;
    const std::int64_t stride = n + 5;
    std::vector<float> y(static_cast<std::size_t>((rows + 1) * stride), std::bit_cast<float>(kPoison));
    kernel.gemm(of.x.rows(kernel.form, rows), of.w.panels(n),
                {.y = y.data(),
                 .stride = stride,
                 .n = n,
                 .row_scale = of.row_scale.data(),
                 .column_scale = with_column_scale ? of.column_scale.data() : nullptr,
                 .bias = with_bias ? of.bias.data() : nullptr});

    int wrong = 0;
    std::ostringstream first;
    for (std::int64_t m = 0; m <= rows; ++m) {
      for (std::int64_t i = 0; i < stride; ++i) {
        const bool inside = m < rows && i < n;
        std::uint32_t expected = kPoison;
        std::int64_t dot = 0;
        if (inside) {
          dot = of.dots[static_cast<std::size_t>(m * of.n + i)];
          float value =
              spec::scale_dot(dot, of.row_scale[static_cast<std::size_t>(m)],
                              with_column_scale ? of.column_scale[static_cast<std::size_t>(i)] : 1.0f);
          if (with_bias) value += of.bias[static_cast<std::size_t>(i)];
          expected = std::bit_cast<std::uint32_t>(value);
        }
        std::uint32_t actual;
        std::memcpy(&actual, &y[static_cast<std::size_t>(m * stride + i)], sizeof actual);
        if (actual == expected || wrong++ > 0) continue;
        first << (inside ? "y" : "poison outside y") << " at row " << m << ", output " << i << ": expected "
              << std::hexfloat << std::bit_cast<float>(expected) << " (0x" << std::hex << expected
              << "), got " << std::hexfloat << std::bit_cast<float>(actual) << " (0x" << actual << std::dec
              << "); exact integer " << dot;
      }
    }
    EXPECT_EQ(wrong, 0) << "gemm kernel " << named().name << ", weights " << verbatim::name_of(kind())
                        << ", row limbs " << limbs() << ", M " << rows << ", N " << n << ", K " << of.k
                        << ", fill " << name_of(of.fill) << ", column scale " << with_column_scale
                        << ", bias " << with_bias << ": " << wrong << " wrong; first: " << first.str();
  }
};

constexpr std::int64_t kMaxRows = 130, kMaxN = 100;

// One kind of each way through the kernels; those that differ from one of these by how they are unpacked meet fewer shapes.
bool in_full(WeightKind kind) {
  return !holds_codes(kind) || kind == WeightKind::c4z || kind == WeightKind::c8;
}

TEST_P(GemmTest, ShapesOfLinearLayers) {
  for (const std::int64_t k : {64, 128, 320, 512, 2048 + 64, 5632}) {
    if ((kThinning > 1 || !in_full(kind())) && k > 512) continue;
    const Problem of = problem(kMaxRows, kMaxN, k);
    for (const std::int64_t rows : {1, 2, 3, 4, 5, 8, 16, 17, 33, 64, 65, 130}) check(of, rows, 48);
    for (const std::int64_t n : {1, 15, 16, 17, 33, 48, 100}) check(of, 5, n);
    for (const std::int64_t n : {1, 17, 48}) check(of, 33, n);
    check(of, kMaxRows, kMaxN);
  }
}

// More rows than share one pass over the weights, in blocks that do not end with their rows.
TEST_P(GemmTest, ManyRows) {
  const std::int64_t rows = kThinning > 1 || !in_full(kind()) ? 130 : 1100, fewer = rows == 130 ? 130 : 300;
  check(problem(rows, 33, 192), rows, 33);
  check(problem(fewer, 17, 4096), fewer, 17);
}

// Columns of KV panels are padded to four only.
TEST_P(GemmTest, ColumnsThatAreMultiplesOfFour) {
  if (holds_codes(kind())) GTEST_SKIP() << "codes have whole groups of columns";
  for (const std::int64_t k : {4, 8, 12, 60, 68, 80, 96, 124, 516, 1156}) {
    const Problem of = problem(70, kMaxN, k);
    for (const std::int64_t rows : {1, 2, 4, 7, 16, 33, 70}) check(of, rows, kMaxN);
  }
}

TEST_P(GemmTest, LargestMagnitudes) {
  for (const Fill fill : {Fill::all_max, Fill::opposite_max, Fill::extreme_limbs}) {
    for (const std::int64_t k : {64, 512, 2048, 5632}) {
      const Problem of = problem(33, 48, k, fill);
      check(of, 1, 48);
      check(of, 33, 48);
    }
  }
}

// 127 * 127 * K passes 2^31 at K = 133,144, and 255 * 127 * K (unsigned times signed bytes) at 66,311.
TEST_P(GemmTest, SumsBeyondInt32) {
  if (!in_full(kind())) GTEST_SKIP() << "as for the other kinds of two limbs";
  for (const Fill fill : {Fill::all_max, Fill::opposite_max, Fill::extreme_limbs}) {
    if (kThinning > 1 && fill != Fill::extreme_limbs) continue;
    const Problem of = problem(18, 17, 66 * 2048, fill);
    check(of, 1, 17);
    check(of, 18, 17);
  }
}

// The longest sum of the largest magnitude that a kernel may hold in int32.
TEST_P(GemmTest, SumsThatFillInt32) {
  if (!in_full(kind())) GTEST_SKIP() << "as for the other kinds of two limbs";
  for (const std::int64_t k : {65536, 131072}) {
    const Problem of = problem(18, 17, k, Fill::all_max);
    check(of, 1, 17);
    check(of, 18, 17);
  }
}

TEST_P(GemmTest, ScalesAndBiasAreOptional) {
  const Problem of = problem(9, 40, 256);
  for (const bool column_scale : {false, true}) {
    for (const bool bias : {false, true}) check(of, 9, 40, column_scale, bias);
  }
}

std::string name_of_case(const ::testing::TestParamInfo<Parameters>& info) {
  const auto& [kernel, kind, limbs] = info.param;
  return std::string(kernel.name) + "_" + std::string(verbatim::name_of(kind)) + "_rows" +
         std::to_string(8 * limbs);
}

INSTANTIATE_TEST_SUITE_P(EveryKernel, GemmTest,
                         ::testing::Combine(::testing::ValuesIn(all_kernels().begin(), all_kernels().end()),
                                            ::testing::ValuesIn(every_kind()), ::testing::Values(1, 2)),
                         name_of_case);

}  // namespace
}  // namespace verbatim::cpu
