#include "ops/panels.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/check.h"
#include "spec/fix.h"

namespace verbatim {

std::string_view name_of(WeightKind kind) {
  constexpr std::string_view names[] = {"i16",  "i8",  "i16r", "i8r", "c4",  "c4z", "c4s",
                                        "c4sz", "c4t", "c8",   "c8z", "c8s", "c4m"};
  static_assert(std::size(names) == std::size(kCodeForms));
  return names[static_cast<int>(kind)];
}

int weight_at(const PackedMatrix& w, std::int64_t n, std::int64_t k) {
  CHECK(n >= 0 && n < w.n && k >= 0 && k < w.k, "weight ({}, {}) asked of a {} x {} matrix", n, k, w.n, w.k);
  const std::byte* bytes = w.panel(n / kPanelRows);
  const std::int64_t row = n % kPanelRows;
  if (holds_codes(w.kind)) return CodePanel(w.kind, bytes).weight(row, k);
  const auto* panel = reinterpret_cast<const std::int8_t*>(bytes);
  const int q = panel[panel_offset(row, k)];
  return limbs_of(w.kind) == 1 ? q : 128 * q + panel[plane_bytes(w.k_padded()) + panel_offset(row, k)];
}

void pack_row(WeightKind kind, std::int64_t n, std::int64_t k, const std::int16_t* q, std::byte* data) {
  CHECK(!holds_codes(kind), "rows of {} are packed by pack_codes", name_of(kind));
  std::int64_t k_padded = padded_columns(k), row = n % kPanelRows;
  auto* panel = reinterpret_cast<std::int8_t*>(data + n / kPanelRows * panel_bytes(kind, k_padded));
  for (std::int64_t c = 0; c < k; ++c) {
    std::int64_t at = panel_offset(row, c);
    if (limbs_of(kind) == 1) {
      panel[at] = static_cast<std::int8_t>(q[c]);
    } else {
      panel[at] = static_cast<std::int8_t>(spec::high_limb(q[c]));
      panel[plane_bytes(k_padded) + at] = static_cast<std::int8_t>(spec::low_limb(q[c]));
    }
  }
}

void pack_codes(WeightKind kind, std::int64_t n, std::int64_t k, const std::int8_t* codes,
                const std::int16_t* steps, const std::int16_t* offsets, std::byte* data) {
  const CodeForm& form = code_form(kind);
  const std::int64_t row = n % kPanelRows;
  std::byte* panel = data + n / kPanelRows * panel_bytes(kind, padded_columns(k));
  for (std::int64_t k0 = 0; k0 < k; k0 += kColumnPad, panel += block_bytes(form)) {
    const std::int64_t columns = std::min<std::int64_t>(kColumnPad, k - k0);
    std::int8_t block[kColumnPad] = {};
    std::copy_n(codes + k0, columns, block);
    // A quad of a row is a word.
    const auto word = [&](std::int64_t quad) {
      std::uint32_t four;
      std::memcpy(&four, block + quad * kQuad, sizeof four);
      return four;
    };
    const auto store = [&](std::int64_t chunk, std::uint32_t four) {
      std::memcpy(panel + (chunk * kPanelRows + row) * kQuad, &four, sizeof four);
    };
    if (form.bits == 8) {
      for (std::int64_t quad = 0; quad < kColumnPad / kQuad; ++quad) store(quad, word(quad));
    } else {
      for (std::int64_t chunk = 0; chunk < 8; ++chunk) {
        const std::int64_t low = chunk / 4 * 8 + chunk % 4;
        store(chunk, word(low) | word(low + 4) << 4);
      }
    }
    auto* to = reinterpret_cast<std::int16_t*>(panel + codes_bytes(form));
    for (std::int64_t group = 0; group * form.group < columns; ++group) {
      to[step_index(group, row)] = steps[k0 / form.group + group];
      if (form.offsets) to[steps_bytes(form) / 2 + step_index(group, row)] = offsets[k0 / form.group + group];
    }
  }
}

}  // namespace verbatim
