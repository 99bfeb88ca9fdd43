#include "load/panel_quantiser.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "load/dequantise.h"
#include "load/multiversion.h"

namespace verbatim {
namespace {

// Columns a loop body handles: a constant, so that it becomes vector code.
constexpr int kBlock = spec::kLanes;
static_assert(kBlock == kColumnPad);

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

// Eight floats, of which the compiler makes what the machine has.
using Floats = float __attribute__((vector_size(32)));

// Stage h of spec::hadamard inside eight floats.
template <int h, int... lane>
[[gnu::always_inline]] inline Floats butterfly(Floats x, std::integer_sequence<int, lane...>) {
  using Ints = std::int32_t __attribute__((vector_size(32)));
  const Floats other = __builtin_shufflevector(x, x, (lane ^ h)...);
  const Ints second = {((lane & h) != 0 ? -1 : 0)...};
  return second ? other - x : x + other;
}

// spec::hadamard.
VERBATIM_MULTIVERSION
void rotate_blocks(float* x, std::int64_t k, std::int64_t block) {
  if (block != kBlock) return spec::hadamard(x, k, block);
  constexpr int kParts = kBlock / 8;
  constexpr auto lanes = std::make_integer_sequence<int, 8>();
  for (std::int64_t begin = 0; begin < k; begin += kBlock) {
    Floats v[kParts];
    std::memcpy(v, x + begin, sizeof v);
    for (Floats& part : v) part = butterfly<4>(butterfly<2>(butterfly<1>(part, lanes), lanes), lanes);
    for (int h = 1; h < kParts; h *= 2) {
      for (int i = 0; i < kParts; ++i) {
        if ((i & h) != 0) continue;
        const Floats left = v[i], right = v[i + h];
        v[i] = left + right;
        v[i + h] = left - right;
      }
    }
    std::memcpy(x + begin, v, sizeof v);
  }
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

// spec::row_error.
VERBATIM_MULTIVERSION
spec::RowError error_of(const float* x, std::int64_t k_padded, float reciprocal, const std::int16_t* w) {
  float error[kBlock] = {}, energy[kBlock] = {};
  for (std::int64_t begin = 0; begin < k_padded; begin += kBlock) {
    for (int l = 0; l < kBlock; ++l) {
      float u = x[begin + l] * reciprocal;
      float e = u - static_cast<float>(w[begin + l]);
      error[l] = error[l] + e * e;
      energy[l] = energy[l] + u * u;
    }
  }
  return {fold(error), fold(energy)};
}

// What stands for a file's codes in a panel.
VERBATIM_MULTIVERSION
void place_codes(std::int8_t* codes, std::int64_t k, int centre, int shift, int first) {
  for (std::int64_t i = 0; i < k; ++i)
    codes[i] = static_cast<std::int8_t>((codes[i] - centre) * (1 << shift) + first);
}

// spec::code_weight of one group.
VERBATIM_MULTIVERSION
void weights_of_group(const std::int8_t* codes, const CodeForm& form, int g, int z, std::int16_t* w) {
  const int centre = form.bits == 4 ? 8 : 0, fraction = form.fraction;
  const auto weight_of = [=](int level) {
    return static_cast<std::int16_t>(spec::code_weight(level, g, z, fraction));
  };
  if (form.table()) {
    for (int i = 0; i < form.group; ++i) w[i] = weight_of(spec::levels_of(form.levels)[codes[i]]);
  } else {
    for (int i = 0; i < form.group; ++i) w[i] = weight_of(codes[i] - centre);
  }
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

std::size_t panel_elements(std::int64_t columns) { return static_cast<std::size_t>(columns) * kPanelRows; }

}  // namespace

PanelQuantiser::PanelQuantiser(WeightKind kind, std::int64_t k)
    : kind_(kind),
      k_(k),
      k_padded_(padded_columns(k)),
      rotation_(PackedMatrix{.kind = kind, .k = k}.rotation()),
      x_(static_cast<std::size_t>(k_padded_)),
      high_(panel_elements(k_padded_)),
      low_(!holds_codes(kind) && limbs_of(kind) == 2 ? panel_elements(k_padded_) : 0) {
  if (!holds_codes(kind)) return;
  const auto groups = static_cast<std::size_t>(k_padded_ / code_form(kind).group);
  step_ = AlignedBuffer<float>(groups);
  offset_ = AlignedBuffer<float>(groups);
  g_ = AlignedBuffer<std::int16_t>(groups);
  z_ = AlignedBuffer<std::int16_t>(groups);
  weight_ = AlignedBuffer<std::int16_t>(static_cast<std::size_t>(k_padded_));
}

PanelOutcome PanelQuantiser::quantise(const CheckpointTensor& tensor, std::int64_t p, std::byte* panel,
                                      float* scale) {
  CHECK(tensor.columns == k_, "a tensor with {} columns given to a quantiser for {}", tensor.columns, k_);
  PanelOutcome outcome{};
  const bool codes = holds_codes(kind_);
  if (codes) std::memset(panel, 0, static_cast<std::size_t>(panel_bytes(kind_, k_padded_)));
  for (int r = 0; r < kPanelRows; ++r) {
    std::int64_t row = p * kPanelRows + r;
    const bool present = row < tensor.rows;
    if (present) {
      tensor.read_row(row, x_.data());
    } else {
      std::fill_n(x_.data(), k_, 0.0f);
    }
    if (is_rotated(kind_)) rotate_blocks(x_.data(), k_, rotation_);
    spec::FixScale s;
    spec::RowError& error = outcome.errors[static_cast<std::size_t>(r)];
    if (codes) {
      if (present) s = keep_codes(tensor, row, panel, &error);
    } else {
      s = spec::fix_scale(max_abs_blocks(x_.data(), k_padded_), limbs_of(kind_));
    }
    if (!s.finite) {
      outcome.bad_row = row;
      return outcome;
    }
    scale[r] = s.scale / static_cast<float>(rotation_);
    if (codes) continue;
    std::int8_t* high = high_.data() + r * k_padded_;
    error = limbs_of(kind_) == 2
                ? quantise_i16_row(x_.data(), k_padded_, s.reciprocal, high, low_.data() + r * k_padded_)
                : quantise_i8_row(x_.data(), k_padded_, s.reciprocal, high);
  }
  if (!codes) pack_limbs(panel);
  return outcome;
}

// Row `row`, whose values are in x_: spec/weights.h, codes.
spec::FixScale PanelQuantiser::keep_codes(const CheckpointTensor& tensor, std::int64_t row, std::byte* panel,
                                          spec::RowError* error) {
  const DTypeInfo& type = info_of(tensor.type);
  CHECK(type.codes != nullptr && type.codes->meaning.kind == kind_, "{} has no codes of the kind {}",
        type.name, name_of(kind_));
  const CodeMeaning& meaning = type.codes->meaning;
  const CodeForm& form = meaning.form();
  const std::int64_t groups = k_ / form.group, bytes = row_bytes(tensor.type, k_);
  type.codes->read(tensor.data + row * bytes, k_ / type.block_elements, high_.data(), step_.data(),
                   offset_.data());
  const float unit = 1.0f / static_cast<float>(1 << meaning.shift);
  float a = max_abs_blocks(x_.data(), k_padded_);
  for (std::int64_t group = 0; group < groups; ++group) {
    // The value of level 0: one multiplication by a power of two, one addition.
    float &step = step_.data()[group], &offset = offset_.data()[group];
    offset = form.offsets ? offset + step * static_cast<float>(meaning.centre) : 0;
    step *= unit;
    a = std::isfinite(a) ? std::max(a, spec::code_bound(step, offset, form.largest_level())) : a;
  }
  const spec::FixScale s = spec::code_scale(a, form.levels);
  if (!s.finite) return s;
  for (std::int64_t group = 0; group < groups; ++group) {
    g_.data()[group] = spec::code_integer(step_.data()[group], s, form.fraction);
    z_.data()[group] = spec::code_integer(offset_.data()[group], s, 0);
  }
  if (!form.table()) place_codes(high_.data(), k_, meaning.centre, meaning.shift, form.bits == 4 ? 8 : 0);
  pack_codes(kind_, row % kPanelRows, k_, high_.data(), g_.data(), z_.data(), panel);
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t at = group * form.group;
    weights_of_group(high_.data() + at, form, g_.data()[group], z_.data()[group], weight_.data() + at);
  }
  *error = error_of(x_.data(), k_padded_, s.reciprocal, weight_.data());
  return s;
}

void PanelQuantiser::pack_limbs(std::byte* panel) const {
  pack_plane(high_.data(), k_padded_, panel);
  if (limbs_of(kind_) == 2) pack_plane(low_.data(), k_padded_, panel + plane_bytes(k_padded_));
}

}  // namespace verbatim
