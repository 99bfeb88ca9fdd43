#include "load/panel_quantiser.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "load/multiversion.h"

namespace verbatim {
namespace {

using spec::kGroup;
// Columns a loop body handles: a constant, so that it becomes vector code.
constexpr int kBlock = spec::kLanes;
static_assert(kBlock == kColumnPad && kGroup == kI4Group);

// spec::max_abs of x, whose length is a multiple of kBlock:
// the bits of |x| order like the values, NaN on top.
VERBATIM_MULTIVERSION
float max_abs_blocks(const float* x, std::int64_t k_padded) {
  std::int32_t most[kBlock] = {};
  for (std::int64_t begin = 0; begin < k_padded; begin += kBlock) {
    for (int l = 0; l < kBlock; ++l) {
      std::int32_t bits = std::bit_cast<std::int32_t>(x[begin + l]) & 0x7fffffff;
      most[l] = most[l] > bits ? most[l] : bits;
    }
  }
  return std::bit_cast<float>(*std::max_element(most, most + kBlock));
}

float fold(float* lane) {
  for (int half = kBlock / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
  }
  return lane[0];
}

// spec::quantise and spec::row_error in one pass; `emit(begin, q)` takes 64 integers. Padding adds +0 to
// lanes, which changes no bit (lanes64.h).
template <class Emit>
[[gnu::always_inline]] inline spec::RowError quantise_blocks(const float* x, std::int64_t k_padded,
                                                             float reciprocal, float Q, Emit emit) {
  float error[kBlock] = {}, energy[kBlock] = {};
  for (std::int64_t begin = 0; begin < k_padded; begin += kBlock) {
    std::int32_t q[kBlock];
    for (int l = 0; l < kBlock; ++l) {
      float u = x[begin + l] * reciprocal;
      float rounded = spec::round_half_even(u);
      rounded = rounded > Q ? Q : rounded;
      rounded = rounded < -Q ? -Q : rounded;
      float e = u - rounded;
      error[l] = error[l] + e * e;
      energy[l] = energy[l] + u * u;
      q[l] = static_cast<std::int32_t>(rounded);
    }
    emit(begin, q);
  }
  return {fold(error), fold(energy)};
}

VERBATIM_MULTIVERSION
spec::RowError quantise_i8_row(const float* x, std::int64_t k_padded, float reciprocal, std::int8_t* out) {
  return quantise_blocks(x, k_padded, reciprocal, 127.0f, [out](std::int64_t begin, const std::int32_t* q) {
    for (int l = 0; l < kBlock; ++l) out[begin + l] = static_cast<std::int8_t>(q[l]);
  });
}

VERBATIM_MULTIVERSION
spec::RowError quantise_i16_row(const float* x, std::int64_t k_padded, float reciprocal, std::int8_t* high,
                                std::int8_t* low) {
  constexpr float Q = spec::fix_max(2);
  return quantise_blocks(x, k_padded, reciprocal, Q, [high, low](std::int64_t begin, const std::int32_t* q) {
    for (int l = 0; l < kBlock; ++l) {
      high[begin + l] = static_cast<std::int8_t>(spec::high_limb(q[l]));
      low[begin + l] = static_cast<std::int8_t>(spec::low_limb(q[l]));
    }
  });
}

// spec::i4_code for a whole group.
[[gnu::always_inline]] inline void group_codes(const float* u, spec::Group group, float* c) {
  float z = static_cast<float>(group.z), reciprocal = 1.0f / static_cast<float>(group.g);
  float top = static_cast<float>(spec::i4_top_code(group));
  for (int i = 0; i < kGroup; ++i) {
    float code = spec::round_half_even((u[i] - z) * reciprocal);
    code = code < 0.0f ? 0.0f : code;
    c[i] = code > top ? top : code;
  }
}

// The group's u (zeros past the row's end), its codes and choice, as spec::quantise_i4 makes them.
//   n: elements of the group that exist; e: (32) u - w, zeros past n
[[gnu::always_inline]] inline spec::Group quantise_group(const float* u, int n, std::int8_t* codes,
                                                         float* e) {
  float lo = *std::min_element(u, u + n), range = *std::max_element(u, u + n) - lo;
  spec::Group best, candidate;
  float best_cost = INFINITY, c[kGroup], square[kGroup];
  for (int index = 0; index < spec::kSteps * spec::kOffsets; ++index) {
    if (!spec::i4_candidate(lo, range, index, &candidate)) break;
    group_codes(u, candidate, c);
    // z + g c is an integer below 2^9: exact in float.
    float z = static_cast<float>(candidate.z), g = static_cast<float>(candidate.g);
    for (int i = 0; i < kGroup; ++i) square[i] = (u[i] - (z + g * c[i])) * (u[i] - (z + g * c[i]));
    for (int i = n; i < kGroup; ++i) square[i] = 0;
    for (int half = kGroup / 2; half > 0; half /= 2) {
      for (int l = 0; l < half; ++l) square[l] = square[l] + square[l + half];
    }
    if (square[0] < best_cost) best = candidate, best_cost = square[0];
  }
  group_codes(u, best, c);
  float z = static_cast<float>(best.z), g = static_cast<float>(best.g);
  for (int i = 0; i < kGroup; ++i) {
    codes[i] = i < n ? static_cast<std::int8_t>(c[i]) : std::int8_t{0};
    e[i] = i < n ? u[i] - (z + g * c[i]) : 0;
  }
  return best;
}

VERBATIM_MULTIVERSION
spec::RowError quantise_i4_row(const float* x, std::int64_t k, float reciprocal, std::int8_t* codes,
                               std::uint8_t* step, std::int8_t* offset) {
  float error[kBlock] = {}, energy[kBlock] = {};
  for (std::int64_t begin = 0; begin < k; begin += kGroup) {
    int n = static_cast<int>(std::min<std::int64_t>(kGroup, k - begin));
    float u[kGroup], e[kGroup];
    for (int i = 0; i < kGroup; ++i) u[i] = x[begin + i] * reciprocal;
    spec::Group group = quantise_group(u, n, codes + begin, e);
    step[begin / kGroup] = static_cast<std::uint8_t>(group.g);
    offset[begin / kGroup] = static_cast<std::int8_t>(group.z);
    float *to_error = error + begin % kBlock, *to_energy = energy + begin % kBlock;
    for (int i = 0; i < kGroup; ++i) {
      to_error[i] = to_error[i] + e[i] * e[i];
      to_energy[i] = to_energy[i] + u[i] * u[i];
    }
  }
  return {fold(error), fold(energy)};
}

// rows: (16, k_padded) int8 -> one limb plane of a panel. A quad of columns is one 32-bit word, so this
// transposes words.
void pack_plane(const std::int8_t* rows, std::int64_t k_padded, std::byte* out) {
  constexpr int kQuads = kColumnPad / kQuad;  // words of 16 rows x 64 columns stay in the first-level cache
  for (std::int64_t begin = 0; begin < k_padded; begin += kColumnPad) {
    for (int r = 0; r < kPanelRows; ++r) {
      for (int j = 0; j < kQuads; ++j) {
        std::memcpy(out + (begin / kQuad + j) * kPanelRows * kQuad + r * kQuad,
                    rows + r * k_padded + begin + j * kQuad, kQuad);
      }
    }
  }
}

// codes: (16, k_padded), steps and offsets: (16, k_padded / 32) -> the i4 form of a panel (ops/panels.h).
void pack_i4_panel(const std::int8_t* codes, const std::uint8_t* step, const std::int8_t* offset,
                   std::int64_t k_padded, std::byte* panel) {
  std::int64_t groups = k_padded / kI4Group;
  auto* out = reinterpret_cast<std::uint8_t*>(panel);
  for (std::int64_t group = 0; group < groups; ++group) {
    for (int r = 0; r < kPanelRows; ++r) {
      const std::int8_t* from = codes + r * k_padded + group * kI4Group;
      for (int quad = 0; quad < 4; ++quad) {
        std::uint8_t* to = out + (group * 4 + quad) * kPanelRows * kQuad + r * kQuad;
        for (int c = 0; c < kQuad; ++c) {
          to[c] = static_cast<std::uint8_t>(from[quad * kQuad + c] | from[(quad + 4) * kQuad + c] << 4);
        }
      }
      std::uint8_t* parameters = out + i4_codes_bytes(k_padded) + group * 2 * kPanelRows;
      parameters[r] = step[r * groups + group];
      parameters[kPanelRows + r] = static_cast<std::uint8_t>(offset[r * groups + group]);
    }
  }
}

std::size_t panel_elements(std::int64_t columns) { return static_cast<std::size_t>(columns) * kPanelRows; }

}  // namespace

PanelQuantiser::PanelQuantiser(WeightKind kind, std::int64_t k)
    : kind_(kind),
      k_(k),
      k_padded_(padded_columns(k)),
      x_(static_cast<std::size_t>(k_padded_)),
      high_(panel_elements(k_padded_)),
      low_(kind == WeightKind::i16 ? panel_elements(k_padded_) : 0),
      step_(kind == WeightKind::i4 ? panel_elements(k_padded_ / kI4Group) : 0),
      offset_(kind == WeightKind::i4 ? panel_elements(k_padded_ / kI4Group) : 0) {}

PanelOutcome PanelQuantiser::quantise(const CheckpointTensor& tensor, std::int64_t p, std::byte* panel,
                                      float* scale) {
  CHECK(tensor.columns == k_, "a tensor with {} columns given to a quantiser for {}", tensor.columns, k_);
  PanelOutcome outcome{};
  std::int64_t groups = k_padded_ / kI4Group;
  for (int r = 0; r < kPanelRows; ++r) {
    std::int64_t row = p * kPanelRows + r;
    if (row < tensor.rows) {
      tensor.read_row(row, x_.data());
    } else {
      std::fill_n(x_.data(), k_, 0.0f);
    }
    spec::FixScale s = spec::fix_scale(max_abs_blocks(x_.data(), k_padded_), limbs_of(kind_));
    if (!s.finite) {
      outcome.bad_row = row;
      return outcome;
    }
    scale[r] = s.scale;
    std::int8_t* high = high_.data() + r * k_padded_;
    switch (kind_) {
      case WeightKind::i16:
        outcome.errors[r] =
            quantise_i16_row(x_.data(), k_padded_, s.reciprocal, high, low_.data() + r * k_padded_);
        break;
      case WeightKind::i8:
        outcome.errors[r] = quantise_i8_row(x_.data(), k_padded_, s.reciprocal, high);
        break;
      case WeightKind::i4:
        outcome.errors[r] = quantise_i4_row(x_.data(), k_, s.reciprocal, high, step_.data() + r * groups,
                                            offset_.data() + r * groups);
        break;
    }
  }
  pack(panel);
  return outcome;
}

void PanelQuantiser::pack(std::byte* panel) const {
  if (kind_ == WeightKind::i4) {
    pack_i4_panel(high_.data(), step_.data(), offset_.data(), k_padded_, panel);
    return;
  }
  pack_plane(high_.data(), k_padded_, panel);
  if (kind_ == WeightKind::i16) pack_plane(low_.data(), k_padded_, panel + plane_bytes(k_padded_));
}

}  // namespace verbatim
