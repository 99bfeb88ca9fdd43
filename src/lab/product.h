// Product: one random matrix in every form that the experiments multiply by, and one random batch.
#pragma once

#include <random>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/ops.h"

namespace verbatim::lab {

class Product {
 public:
  // k inputs -> n outputs, at most `rows` rows
  Product(std::uint64_t seed, std::int64_t rows, std::int64_t k, std::int64_t n);

  std::int64_t k() const { return k_; }
  std::int64_t n() const { return n_; }
  const float* x() const { return x_.data(); }  // (rows, k)
  const float* w() const { return w_.data(); }  // (n, k)

  // Row 0 of the first `rows` rows times w^T, by a backend: the weights as 8-bit integers with one scale a row.
  //   y: (n)
  void by_backend(Backend& backend, std::int64_t rows, std::vector<float>& y);

 private:
  std::int64_t k_, n_;
  std::vector<float> x_, w_;
  AlignedBuffer<std::byte> packed_;
  AlignedBuffer<float> scale_;
  PackedMatrix matrix_;
};

std::vector<float> normal_floats(std::uint64_t seed, std::int64_t count);

}  // namespace verbatim::lab
