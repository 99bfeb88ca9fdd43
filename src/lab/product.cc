#include "lab/product.h"

#include "spec/fix.h"

namespace verbatim::lab {

std::vector<float> normal_floats(std::uint64_t seed, std::int64_t count) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<std::size_t>(count));
  for (float& value : x) value = normal(random);
  return x;
}

Product::Product(std::uint64_t seed, std::int64_t rows, std::int64_t k, std::int64_t n)
    : k_(k),
      n_(n),
      x_(normal_floats(seed, rows * k)),
      w_(normal_floats(seed + 1, n * k)),
      packed_(static_cast<std::size_t>(packed_bytes(WeightKind::i8, n, k))),
      scale_(static_cast<std::size_t>(padded_rows(n))),
      matrix_{WeightKind::i8, n, k, packed_.data(), scale_.data()} {
  std::vector<std::int16_t> q(static_cast<std::size_t>(k));
  for (std::int64_t row = 0; row < n; ++row) {
    scale_[static_cast<std::size_t>(row)] = spec::quantise(w_.data() + row * k, k, 1, q.data()).scale;
    pack_row(WeightKind::i8, row, k, q.data(), packed_.data());
  }
}

void Product::by_backend(Backend& backend, std::int64_t rows, std::vector<float>& y) {
  Memory& memory = backend.memory();
  const Array<float> x(memory, std::span(x_).first(static_cast<std::size_t>(rows * k_)));
  const Array<float> product(memory, static_cast<std::size_t>(rows * n_));
  const Array<std::uint32_t> sites(memory, static_cast<std::size_t>(rows));
  const FixStorage storage = backend.make_rows(rows, k_);
  const FixRows fix = storage.rows(rows, k_, {});
  const PlacedMatrix w = backend.place(matrix_, nullptr);
  backend.quantise(x.data(), fix, {sites.data(), 1});
  const LinearJob job{&w.matrix, nullptr, product.data()};
  backend.linear(fix, {&job, 1});
  y.resize(static_cast<std::size_t>(n_));
  product.read(y);
}

}  // namespace verbatim::lab
