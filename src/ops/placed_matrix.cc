#include "ops/placed_matrix.h"

#include <utility>

namespace verbatim {

PlacedMatrix copy_into(Memory& memory, const PackedMatrix& matrix) {
  struct Held {
    Array<std::byte> data;
    Array<float> scale;
  };
  const auto bytes = static_cast<std::size_t>(packed_bytes(matrix.kind, matrix.n, matrix.k));
  const auto rows = static_cast<std::size_t>(padded_rows(matrix.n));
  auto held = std::make_shared<Held>(Array<std::byte>(memory, std::span(matrix.data, bytes)),
                                     Array<float>(memory, std::span(matrix.scale, rows)));
  PlacedMatrix placed{matrix, held};
  placed.matrix.data = held->data.data();
  placed.matrix.scale = held->scale.data();
  return placed;
}

}  // namespace verbatim
