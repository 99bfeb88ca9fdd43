#include "conform/conform.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "random_codes.h"
#include "spec/fix.h"

namespace verbatim::conform {

std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    const char* text = std::getenv("VERBATIM_SEED");
    return text ? std::strtoull(text, nullptr, 10) : 1;
  }();
  return chosen;
}

float uniform(Random& random, float low, float high) {
  return low + (high - low) * static_cast<float>(random() >> 40) * 0x1p-24f;
}

std::int64_t pick(Random& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
}

namespace {

float with_exponent(Random& random, int low, int high) {
  return std::ldexp(uniform(random, -2, 2), static_cast<int>(pick(random, low, high)));
}

template <int low, int high>
void fill_exponents(Random& random, std::span<float> row) {
  for (float& x : row) x = with_exponent(random, low, high);
}

// The largest magnitude is Q, so the reciprocal is 1 and every other value lies half way between two
// integers.
template <int limbs>
void fill_ties(Random& random, std::span<float> row) {
  constexpr int Q = spec::fix_max(limbs);
  for (float& x : row) x = static_cast<float>(pick(random, -Q, Q - 1)) + 0.5f;
  row[static_cast<std::size_t>(pick(random, 0, static_cast<std::int64_t>(row.size()) - 1))] = Q;
}

void fill_zeros(Random& random, std::span<float> row) {
  for (float& x : row) x = random() % 2 ? 0.0f : -0.0f;
}

void fill_spike(Random& random, std::span<float> row) {
  fill_exponents<-60, -20>(random, row);
  row[static_cast<std::size_t>(pick(random, 0, static_cast<std::int64_t>(row.size()) - 1))] = -3e4f;
}

// The threshold below which a row counts as zero, from both sides.
void fill_threshold(Random& random, std::span<float> row) {
  for (float& x : row) x = random() % 2 ? -0x1p-101f : 0x1p-104f;
  row[0] = random() % 2 ? spec::kFixTiny : std::nextafter(spec::kFixTiny, 0.0f);
}

void fill_equal(Random& random, std::span<float> row) {
  float x = uniform(random, -4, 4);
  for (float& at : row) at = x;
}

void fill_subnormal(Random& random, std::span<float> row) {
  for (float& x : row) x = std::bit_cast<float>(static_cast<std::uint32_t>(random() & 0x807fffff));
}

template <std::uint32_t bits>
void fill_poisoned(Random& random, std::span<float> row) {
  fill_exponents<-4, 2>(random, row);
  row[static_cast<std::size_t>(pick(random, 0, static_cast<std::int64_t>(row.size()) - 1))] =
      std::bit_cast<float>(bits);
}

constexpr Values kFinite[] = {
    {"ordinary", fill_exponents<-3, 2>},
    {"small", fill_exponents<-90, -60>},
    {"huge", fill_exponents<90, 126>},
    {"all magnitudes", fill_exponents<-148, 100>},
    {"ties in two limbs", fill_ties<2>},
    {"ties in one limb", fill_ties<1>},
    {"zeros of both signs", fill_zeros},
    {"one spike", fill_spike},
    {"threshold of zero", fill_threshold},
    {"equal", fill_equal},
    {"subnormal", fill_subnormal},
    {"largest",
     [](Random&, std::span<float> row) {
       for (float& x : row) x = 0x1.fffffep127f;
     }},
};

constexpr Values kNonFinite[] = {
    {"a quiet NaN", fill_poisoned<0x7fc00000>},      {"a NaN with a payload", fill_poisoned<0xffc12345>},
    {"a signalling NaN", fill_poisoned<0x7f800001>}, {"+infinity", fill_poisoned<0x7f800000>},
    {"-infinity", fill_poisoned<0xff800000>},
};

std::string replay() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  return fmt::format("VERBATIM_SEED={} conform_tests --gtest_filter='{}.{}'", seed(), test->test_suite_name(),
                     test->name());
}

std::string show(float x) {
  char text[64];
  std::snprintf(text, sizeof text, "%a", static_cast<double>(x));
  return fmt::format("{} (0x{:08x})", text, std::bit_cast<std::uint32_t>(x));
}

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

}  // namespace

std::span<const Values> finite_values() { return kFinite; }
std::span<const Values> non_finite_values() { return kNonFinite; }

std::vector<Values> all_values() {
  std::vector<Values> all(std::begin(kFinite), std::end(kFinite));
  all.insert(all.end(), std::begin(kNonFinite), std::end(kNonFinite));
  return all;
}

std::vector<float> make_matrix(Random& random, std::span<const Values> values, std::size_t first,
                               std::int64_t rows, std::int64_t k) {
  std::vector<float> matrix(static_cast<std::size_t>(rows * k));
  for (std::int64_t r = 0; r < rows; ++r) {
    values[(first + static_cast<std::size_t>(r)) % values.size()].fill(
        random, std::span(matrix).subspan(static_cast<std::size_t>(r * k), static_cast<std::size_t>(k)));
  }
  return matrix;
}

testing::AssertionResult same_bits(const char* op, std::span<const float> expected,
                                   std::span<const float> actual, std::int64_t columns) {
  if (expected.size() != actual.size()) {
    return testing::AssertionFailure() << op << ": " << actual.size() << " values, not " << expected.size();
  }
  std::size_t differ = 0, first = 0;
  for (std::size_t i = expected.size(); i-- > 0;) {
    if (!same(expected[i], actual[i])) ++differ, first = i;
  }
  if (differ == 0) return testing::AssertionSuccess();
  std::size_t width = static_cast<std::size_t>(columns);
  return testing::AssertionFailure() << fmt::format(
             "{}: {} of {} values differ, first at (row {}, column {}): expected {}, got {}\nreplay: {}", op,
             differ, expected.size(), first / width, first % width, show(expected[first]),
             show(actual[first]), replay());
}

Weights::Weights(WeightKind kind, std::int64_t n, std::int64_t k)
    : data_(static_cast<std::size_t>(packed_bytes(kind, n, k))),
      scale_(static_cast<std::size_t>(padded_rows(n))),
      matrix_{kind, n, k, data_.data(), scale_.data()} {}

Weights::Weights(Random& random, WeightKind kind, std::int64_t n, std::int64_t k) : Weights(kind, n, k) {
  int Q = spec::fix_max(limbs_of(kind));
  std::vector<std::int16_t> q(static_cast<std::size_t>(k));
  for (std::int64_t row = 0; row < n; ++row) {
    scale_[static_cast<std::size_t>(row)] = with_exponent(random, -20, 4);
    bool extreme = random() % 4 == 0;  // a row of nothing but the ends of the range
    if (holds_codes(kind)) {
      const CodeFill fill = !extreme            ? CodeFill::random
                            : random() % 2 == 0 ? CodeFill::least
                                                : CodeFill::largest;
      row_of_codes(kind, k, fill, [&](int low, int high) {
        return static_cast<int>(pick(random, low, high));
      }).pack(kind, row, data_.data());
    } else {
      for (auto& x : q)
        x = static_cast<std::int16_t>(extreme ? (random() % 2 ? Q : -Q) : pick(random, -Q, Q));
      pack_row(kind, row, k, q.data(), data_.data());
    }
  }
}

Weights Weights::identity(std::int64_t k, FixForm form) {
  const WeightKind kind = form.rotated ? WeightKind::i8r : WeightKind::i8;
  Weights made(kind, k, k);
  std::vector<std::int16_t> q(static_cast<std::size_t>(k));
  for (std::int64_t row = 0; row < k; ++row) {
    q[static_cast<std::size_t>(row)] = 1;
    pack_row(kind, row, k, q.data(), made.data_.data());
    q[static_cast<std::size_t>(row)] = 0;
    made.scale_[static_cast<std::size_t>(row)] = 1;
  }
  return made;
}

std::string name_of(FixForm form) {
  return fmt::format("{} limbs{}", form.limbs, form.rotated ? ", rotated" : "");
}

Conform::Conform()
    : backend_(make_test_backend(std::get<0>(GetParam()), std::get<1>(GetParam())).value()),
      reference_(make_backend("reference", 2).value()),
      random_(seed()) {}

// An integer is seen through a product with the identity, q * scale: at most 16319 integers and no rounding
// to zero, so different integers give different products.
Conform::FixResult Conform::read_fix(Side& side, const FixRows& rows, const FaultLog& faults) {
  const auto elements = static_cast<std::size_t>(rows.rows * rows.k);
  FixResult result;
  result.scales.resize(static_cast<std::size_t>(rows.rows));
  side.memory().read(reinterpret_cast<const std::byte*>(rows.scale),
                     std::as_writable_bytes(std::span(result.scales)));
  const Array<std::int16_t> q(side.memory(), elements);
  side->unpack_rows(rows, q.data());
  result.q = Side::get(q);

  const Weights identity = Weights::identity(rows.k, rows.form);
  const PlacedMatrix w = side.place(identity);
  const Array<float> y(side.memory(), elements);
  const LinearJob job{&w.matrix, nullptr, y.data()};
  side->linear(rows, {&job, 1});
  result.products = Side::get(y);
  result.faults = Side::get(faults.sites);
  return result;
}

void Conform::compare_fix(const char* op, std::int64_t k, const FixResult& expected,
                          const FixResult& actual) {
  EXPECT_TRUE(same_bits(op, expected.scales, actual.scales, 1)) << "(scales)";
  const auto differ = std::ranges::mismatch(expected.q, actual.q);
  if (differ.in1 != expected.q.end()) {
    const std::int64_t at = differ.in1 - expected.q.begin();
    ADD_FAILURE() << op << ": integers differ, first at (row " << at / k << ", column " << at % k
                  << "): expected " << *differ.in1 << ", got " << *differ.in2 << "\nreplay: " << replay();
  }
  EXPECT_TRUE(same_bits(op, expected.products, actual.products, k)) << "(integers, times the scale)";
  EXPECT_EQ(expected.faults, actual.faults) << op;
}

testing::internal::ParamGenerator<std::tuple<std::string, int>> every_backend() {
  std::vector<std::tuple<std::string, int>> cases = {{"remote", 2}};
  for (const std::string& name : backends_here())
    for (int threads : {1, 2, 3})
      if (name != "reference") cases.emplace_back(name, threads);
  return testing::ValuesIn(cases);
}

std::string backend_case_name(const testing::TestParamInfo<std::tuple<std::string, int>>& info) {
  return fmt::format("{}_{}_threads", std::get<0>(info.param), std::get<1>(info.param));
}

}  // namespace verbatim::conform
