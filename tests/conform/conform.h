// conform: every backend of this machine against the reference backend, on bits.
//
// The fixture holds one backend, with 1, 2 or 3 threads, and the reference; all that they compute on goes through the seam
// that every backend has (ops/array.h). Cases draw their values from a
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

#include "base/aligned_buffer.h"
#include "remote_backend.h"

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

// One backend, and the way to its memory and back.
class Side {
 public:
  explicit Side(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}
  Backend* operator->() { return backend_.get(); }
  Memory& memory() { return backend_->memory(); }

  template <class T>
  Array<T> put(const std::vector<T>& values) {
    return Array<T>(memory(), values);
  }
  Array<float> floats(std::int64_t n) { return Array<float>(memory(), static_cast<std::size_t>(n)); }
  template <class T>
  static std::vector<T> get(const Array<T>& array) {
    std::vector<T> values(array.size());
    array.read(values);
    return values;
  }
  PlacedMatrix place(const Weights& w) { return backend_->place(w.matrix(), nullptr); }

 private:
  std::unique_ptr<Backend> backend_;
};

// Sites of faults, one a row.
struct FaultLog {
  FaultLog(Side& side, std::int64_t rows) : sites(side.memory(), static_cast<std::size_t>(rows)) {}
  Faults at(std::uint32_t site) const { return {sites.data(), site}; }
  Array<std::uint32_t> sites;
};

class Conform : public testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  Conform();
  Side& backend() { return backend_; }
  Side& reference() { return reference_; }
  Random& random() { return random_; }

  // Both give the same bits.   run(side) -> (rows, columns) as std::vector<float>
  template <class Run>
  testing::AssertionResult same_results(const char* op, std::int64_t columns, Run run) {
    return same_bits(op, run(reference_), run(backend_), columns);
  }

  // Both results of one quantising operation agree: scales, integers, faults.
  //   run(side, rows, faults) performs the operation into rows
  template <class Run>
  void expect_same_fix(const char* op, std::int64_t rows, std::int64_t k, FixForm form, Run run) {
    const auto result_of = [&](Side& side) {
      const FixStorage storage = side->make_rows(rows, k);
      const FixRows out = storage.rows(rows, k, form);
      const FaultLog faults(side, rows);
      run(side, out, faults.at(7));
      return read_fix(side, out, faults);
    };
    compare_fix(op, k, result_of(reference_), result_of(backend_));
  }

 private:
  struct FixResult {
    std::vector<float> scales;          // (rows)
    std::vector<std::int16_t> q;        // (rows, k)
    std::vector<float> products;        // (rows, k): by the identity
    std::vector<std::uint32_t> faults;  // (rows)
  };
  static FixResult read_fix(Side& side, const FixRows& rows, const FaultLog& faults);
  static void compare_fix(const char* op, std::int64_t k, const FixResult& expected, const FixResult& actual);

  Side backend_, reference_;
  Random random_;
};

// Every backend here but the reference, with 1, 2 and 3 threads, and the best of them as if it were on another device.
testing::internal::ParamGenerator<std::tuple<std::string, int>> every_backend();
std::string backend_case_name(const testing::TestParamInfo<std::tuple<std::string, int>>& info);

}  // namespace verbatim::conform
