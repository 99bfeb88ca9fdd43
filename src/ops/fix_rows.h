// FixRows: rows of Fix vectors (spec/fix.h) in the form that one backend's kernels read: made by a backend's operations and read
// by the same backend only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "ops/array.h"
#include "spec/hadamard.h"

namespace verbatim {

// How wide the numbers of a model run are: 16 bits are two limbs, 8 bits are one, rotated (spec/hadamard.h).
enum class Width : std::uint8_t { bits8 = 1, bits16 = 2 };
constexpr int limbs_of(Width width) { return static_cast<int>(width); }
constexpr int bits_of(Width width) { return 8 * limbs_of(width); }

// How a vector becomes integers.
struct FixForm {
  int limbs = 2;
  bool rotated = false;  // spec/hadamard.h comes before spec/fix.h
};

// What an operation fills or reads. Not owned.
struct FixRows {
  std::int64_t rows = 0, k = 0;
  FixForm form;
  std::byte* q = nullptr;  // the backend's own form
  float* scale = nullptr;  // (rows)

  // Block of spec/hadamard.h; 1: none.
  std::int64_t rotation() const { return form.rotated ? spec::hadamard_block(k, spec::kLinearBlock) : 1; }
};

// Memory for them, made once for the largest shape and filled again and again.
class FixStorage {
 public:
  FixStorage() = default;
  // bytes: what the backend needs for up to so many rows of up to k elements, in any form
  FixStorage(Memory& memory, std::int64_t rows, std::int64_t k, std::int64_t bytes)
      : rows_(rows),
        k_(k),
        q_(memory, static_cast<std::size_t>(bytes)),
        scale_(memory, static_cast<std::size_t>(rows)) {}

  // REQUIRES: rows and k are at most what it was made for
  FixRows rows(std::int64_t rows, std::int64_t k, FixForm form) const {
    CHECK(rows <= rows_ && k <= k_, "{} rows of {} do not fit the storage made for {} of {}", rows, k, rows_,
          k_);
    return {rows, k, form, q_.data(), scale_.data()};
  }

 private:
  std::int64_t rows_ = 0, k_ = 0;
  Array<std::byte> q_;
  Array<float> scale_;
};

}  // namespace verbatim
