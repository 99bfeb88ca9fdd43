#include "load/encode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "load/dequantise.h"
#include "load/multiversion.h"
#include "spec/fix.h"

namespace verbatim {
namespace {

using Byte = std::uint8_t;

void store(Byte* p, std::uint16_t value) { std::memcpy(p, &value, sizeof value); }

void encode_f32(const float* x, std::int64_t n, Byte* out) {
  std::memcpy(out, x, static_cast<std::size_t>(n) * sizeof(float));
}
void encode_f16(const float* x, std::int64_t n, Byte* out) {
  for (std::int64_t i = 0; i < n; ++i) store(out + 2 * i, f32_to_f16(x[i]));
}
void encode_bf16(const float* x, std::int64_t n, Byte* out) {
  for (std::int64_t i = 0; i < n; ++i) store(out + 2 * i, f32_to_bf16(x[i]));
}

// d = max |x| / 127, q = round(x / d), ties to even.
VERBATIM_MULTIVERSION
void encode_q8_0(const float* x, std::int64_t n, Byte* out) {
  for (std::int64_t begin = 0; begin < n; begin += 32, out += 34) {
    float d = spec::max_abs(x + begin, 32) / 127, reciprocal = d == 0 ? 0 : 1 / d;
    store(out, f32_to_f16(d));
    for (int j = 0; j < 32; ++j) {
      out[2 + j] = static_cast<Byte>(static_cast<int>(spec::round_half_even(x[begin + j] * reciprocal)));
    }
  }
}

// d = (the element of largest magnitude) / -8, so that it gets code 0.
void encode_q4_0(const float* x, std::int64_t n, Byte* out) {
  for (std::int64_t begin = 0; begin < n; begin += 32, out += 18) {
    const float* block = x + begin;
    float peak =
        *std::max_element(block, block + 32, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    float d = peak / -8, reciprocal = d == 0 ? 0 : 1 / d;
    store(out, f32_to_f16(d));
    auto code = [&](int j) { return std::min(15, static_cast<int>(block[j] * reciprocal + 8.5f)); };
    for (int j = 0; j < 16; ++j) out[2 + j] = static_cast<Byte>(code(j) | code(16 + j) << 4);
  }
}

struct Encoder {
  DType type;
  void (*encode)(const float* x, std::int64_t n, Byte* out);
};
constexpr std::array kEncoders = {Encoder{DType::f32, encode_f32}, Encoder{DType::f16, encode_f16},
                                  Encoder{DType::bf16, encode_bf16}, Encoder{DType::q8_0, encode_q8_0},
                                  Encoder{DType::q4_0, encode_q4_0}};
constexpr std::array kWritableTypes = {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0};

}  // namespace

std::span<const DType> writable_dtypes() { return kWritableTypes; }

void encode_row(DType type, const float* x, std::int64_t columns, std::byte* out) {
  const Encoder* encoder = std::ranges::find(kEncoders, type, &Encoder::type);
  CHECK(encoder != kEncoders.end(), "{} cannot be written", name_of(type));
  CHECK(columns % info_of(type).block_elements == 0, "{} elements are not whole {} blocks", columns,
        name_of(type));
  encoder->encode(x, columns, reinterpret_cast<Byte*>(out));
}

}  // namespace verbatim
