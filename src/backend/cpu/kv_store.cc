#include "backend/cpu/kv_store.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace verbatim::cpu {
namespace {

constexpr std::int64_t kMaxHeadDim = 1024;

// A key is one row of a panel: quads, 64 bytes apart.  q: (columns), zeros past head_dim
void put_key(const std::int8_t* q, std::int64_t columns, std::int8_t* panel, std::int64_t row) {
  for (std::int64_t column = 0; column < columns; column += kQuad) {
    std::memcpy(panel + panel_offset(row, column), q + column, kQuad);
  }
}

// A value is one column of every value panel: bytes, 4 apart.  q: (head_dim)
void put_value(const std::int8_t* q, std::int64_t head_dim, std::int8_t* panels, std::int64_t panel_bytes,
               std::int64_t column) {
  std::int8_t* at = panels + panel_offset(0, column);
  for (std::int64_t j = 0; j < head_dim; ++j) {
    at[j / kPanelRows * panel_bytes + j % kPanelRows * kQuad] = q[j];
  }
}

}  // namespace

bool store_token(const FloatOps& ops, const float* k, const float* v, const KvShape& shape, std::int64_t slot,
                 const KvHead& page) {
  CHECK(shape.head_dim <= kMaxHeadDim, "head_dim {} is above {}", shape.head_dim, kMaxHeadDim);
  std::int8_t planes[2][kMaxHeadDim];  // high (or only) limb, low limb
  FixTarget target{.form = RowForm::planes8, .high = planes[0], .low = planes[1]};
  const auto quantise = [&](const float* x) {
    if (!shape.rotated) return ops.quantise(x, shape.head_dim, shape.limbs, target);
    float rotated[kMaxHeadDim];
    std::copy_n(x, shape.head_dim, rotated);
    ops.hadamard(rotated, shape.head_dim, shape.rotation());
    return ops.quantise(rotated, shape.head_dim, shape.limbs, target);
  };

  RowScale key = quantise(k);
  std::int8_t* key_panel = page.keys + slot / kPanelRows * shape.key_panel_bytes();
  for (int limb = 0; limb < shape.limbs; ++limb) {
    put_key(planes[limb], shape.key_columns(), key_panel + limb * plane_bytes(shape.key_columns()),
            slot % kPanelRows);
  }
  RowScale value = quantise(v);
  for (int limb = 0; limb < shape.limbs; ++limb) {
    put_value(planes[limb], shape.head_dim, page.values + limb * plane_bytes(kPageTokens),
              shape.value_panel_bytes(), slot);
  }
  page.key_scale[slot] = key.scale;
  page.value_scale[slot] = value.scale;
  return key.finite && value.finite;
}

}  // namespace verbatim::cpu
