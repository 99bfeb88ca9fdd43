// conform: every backend of this machine against the reference backend, on bits.
//
// The fixture holds one backend, with 1, 2 or 3 threads, and the reference. Cases draw their values from a
// seeded generator; VERBATIM_SEED chooses another seed. A failure names the operation, the case, the
// coordinates and both values, and ends with the command that replays it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "backend/list.h"
#include "ops/ops.h"

namespace verbatim::conform {

using Random = std::mt19937_64;

std::uint64_t seed();

// A way to choose the values of a row: the name is part of failure messages.
struct Values {
  const char* name;
  void (*fill)(Random& random, std::span<float> row);
};
std::span<const Values> finite_values();      // ordinary and adversarial rows
std::span<const Values> non_finite_values();  // rows with a NaN or an infinity somewhere

float uniform(Random& random, float low, float high);
std::int64_t pick(Random& random, std::int64_t low, std::int64_t high);  // both included

// (rows, k): row r by values[(first + r) % values.size()].
std::vector<float> make_matrix(Random& random, std::span<const Values> values, std::size_t first,
                               std::int64_t rows, std::int64_t k);

// One of each, for tests of rows of every sort side by side.
std::vector<Values> all_values();

// expected, actual: (rows, columns) of one operation's results. Bits must agree; any NaN equals any NaN.
testing::AssertionResult same_bits(const char* op, std::span<const float> expected,
                                   std::span<const float> actual, std::int64_t columns);

// A packed matrix of random integers over its whole range, with its storage.
class Weights {
 public:
  Weights(Random& random, WeightKind kind, std::int64_t n, std::int64_t k);
  // One limb, scales 1: shows the integers of a row of this form.
  static Weights identity(std::int64_t k, FixForm form);
  const PackedMatrix& matrix() const { return matrix_; }

 private:
  Weights(WeightKind kind, std::int64_t n, std::int64_t k);
  AlignedBuffer<std::byte> data_;
  AlignedBuffer<float> scale_;
  PackedMatrix matrix_;
};

std::string name_of(FixForm form);  // for failure messages

// Sites of faults, one a row.
struct FaultLog {
  explicit FaultLog(std::int64_t rows) : sites(static_cast<std::size_t>(rows)) {}
  Faults at(std::uint32_t site) { return {sites.data(), site}; }
  std::vector<std::uint32_t> sites;
};

class Conform : public testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  Conform();
  Backend& backend() { return *backend_; }
  Backend& reference() { return *reference_; }
  Random& random() { return random_; }

  // Both results of one quantising operation agree: scales, integers, faults.
  //   run(backend, rows, faults) performs the operation into rows
  template <class Run>
  void expect_same_fix(const char* op, std::int64_t rows, std::int64_t k, Run run) {
    FixRows expected = reference_->make_rows(rows, k), actual = backend_->make_rows(rows, k);
    FaultLog expected_faults(rows), actual_faults(rows);
    run(*reference_, expected, expected_faults.at(7));
    run(*backend_, actual, actual_faults.at(7));
    compare_fix(op, expected, actual);
    EXPECT_EQ(expected_faults.sites, actual_faults.sites) << op;
  }

 private:
  void compare_fix(const char* op, const FixRows& expected, const FixRows& actual);

  std::unique_ptr<Backend> backend_, reference_;
  Random random_;
};

// Every backend here but the reference, with 1, 2 and 3 threads.
testing::internal::ParamGenerator<std::tuple<std::string, int>> every_backend();
std::string backend_case_name(const testing::TestParamInfo<std::tuple<std::string, int>>& info);

}  // namespace verbatim::conform
