#include "load/dequantise.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/half.h"

namespace verbatim {
namespace {

static_assert(std::endian::native == std::endian::little,
              "model files are little endian and are read in place");

using Byte = std::uint8_t;

template <class T>
T load(const Byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
float load_f16(const Byte* p) { return f16_to_f32(load<std::uint16_t>(p)); }

// Lifts `block(bytes, out)`, the meaning of one block, to a run of blocks.
template <std::int64_t elements, std::int64_t bytes, void (*block)(const Byte*, float*)>
void each_block(const std::byte* blocks, std::int64_t count, float* out) {
  const auto* p = reinterpret_cast<const Byte*>(blocks);
  for (std::int64_t i = 0; i < count; ++i) block(p + i * bytes, out + i * elements);
}

void f32(const std::byte* blocks, std::int64_t count, float* out) {
  std::memcpy(out, blocks, static_cast<std::size_t>(count) * sizeof(float));
}
void f16_element(const Byte* b, float* y) { *y = load_f16(b); }
void bf16_element(const Byte* b, float* y) { *y = bf16_to_f32(load<std::uint16_t>(b)); }

// ---- Blocks of 32. Element j < 16 is in the low nibble of byte j, element 16 + j in its high nibble. ----

void q8_0(const Byte* b, float* y) {  // d f16, q i8[32]
  float d = load_f16(b);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(static_cast<std::int8_t>(b[2 + j])) * d;
}

void q4_0(const Byte* b, float* y) {  // d f16, nibbles[16]
  float d = load_f16(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>((b[2 + j] & 15) - 8) * d;
    y[16 + j] = static_cast<float>((b[2 + j] >> 4) - 8) * d;
  }
}

void q4_1(const Byte* b, float* y) {  // d f16, m f16, nibbles[16]
  float d = load_f16(b), m = load_f16(b + 2);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(b[4 + j] & 15) * d + m;
    y[16 + j] = static_cast<float>(b[4 + j] >> 4) * d + m;
  }
}

// The fifth bit of element j is bit j of `high`.
int five_bits(int nibble, std::uint32_t high, int j) {
  return nibble | static_cast<int>((high >> j & 1) << 4);
}

void q5_0(const Byte* b, float* y) {  // d f16, high u32, nibbles[16]
  float d = load_f16(b);
  auto high = load<std::uint32_t>(b + 2);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(five_bits(b[6 + j] & 15, high, j) - 16) * d;
    y[16 + j] = static_cast<float>(five_bits(b[6 + j] >> 4, high, 16 + j) - 16) * d;
  }
}

void q5_1(const Byte* b, float* y) {  // d f16, m f16, high u32, nibbles[16]
  float d = load_f16(b), m = load_f16(b + 2);
  auto high = load<std::uint32_t>(b + 4);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(five_bits(b[8 + j] & 15, high, j)) * d + m;
    y[16 + j] = static_cast<float>(five_bits(b[8 + j] >> 4, high, 16 + j)) * d + m;
  }
}

void iq4_nl(const Byte* b, float* y) {  // d f16, nibbles[16] that name levels
  static constexpr float kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                        1,    13,   25,  38,  53,  69,  89,  113};
  float d = load_f16(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * kLevels[b[2 + j] & 15];
    y[16 + j] = d * kLevels[b[2 + j] >> 4];
  }
}

// ---- Super-blocks of 256 ("K" types): sub-blocks of 16 or 32 with small integer scales of their own. ----

void q2_k(const Byte* b, float* y) {  // per 16: scale | min << 4 u8[16]; 2-bit q[64]; d f16, dmin f16
  const Byte *scales = b, *q = b + 16;
  float d = load_f16(b + 80), dmin = load_f16(b + 82);
  // Sub-block: half sub/8, bit pair sub/2 % 4, 16 bytes sub % 2.
  for (int sub = 0; sub < 16; ++sub, y += 16) {
    float scale = d * static_cast<float>(scales[sub] & 15),
          least = dmin * static_cast<float>(scales[sub] >> 4);
    const Byte* from = q + sub / 8 * 32 + sub % 2 * 16;
    int shift = sub / 2 % 4 * 2;
    for (int l = 0; l < 16; ++l) y[l] = scale * static_cast<float>(from[l] >> shift & 3) - least;
  }
}

void q3_k(const Byte* b, float* y) {  // high bits [32]; 2-bit q[64]; sixteen 6-bit scales in [12]; d f16
  const Byte *high = b, *q = b + 32, *packed = b + 96;
  float d = load_f16(b + 108);
  for (int sub = 0; sub < 16; ++sub, y += 16) {
    int low4 = packed[sub % 8] >> sub / 8 * 4 & 15, high2 = packed[8 + sub % 4] >> sub / 4 * 2 & 3;
    float scale = d * static_cast<float>((low4 | high2 << 4) - 32);
    const Byte *from = q + sub / 8 * 32 + sub % 2 * 16, *mask = high + sub % 2 * 16;
    int shift = sub / 2 % 4 * 2, bit = sub / 2;
    for (int l = 0; l < 16; ++l) {
      y[l] = scale * static_cast<float>((from[l] >> shift & 3) - (mask[l] >> bit & 1 ? 0 : 4));
    }
  }
}

// The 6-bit scale and min of sub-block `sub` (of 8) in the 12 bytes that Q4_K and Q5_K share.
struct ScaleMin {
  int scale, least;
};
ScaleMin scale_min(const Byte* p, int sub) {
  if (sub < 4) return {p[sub] & 63, p[sub + 4] & 63};
  return {(p[sub + 4] & 15) | p[sub - 4] >> 6 << 4, p[sub + 4] >> 4 | p[sub] >> 6 << 4};
}

void q4_k(const Byte* b, float* y) {  // d f16, dmin f16, scales and mins [12], nibbles [128]
  float d = load_f16(b), dmin = load_f16(b + 2);
  for (int sub = 0; sub < 8; ++sub, y += 32) {
    ScaleMin s = scale_min(b + 4, sub);
    float scale = d * static_cast<float>(s.scale), least = dmin * static_cast<float>(s.least);
    const Byte* from = b + 16 + sub / 2 * 32;
    int shift = sub % 2 * 4;
    for (int l = 0; l < 32; ++l) y[l] = scale * static_cast<float>(from[l] >> shift & 15) - least;
  }
}

void q5_k(const Byte* b, float* y) {  // d f16, dmin f16, scales and mins [12], fifth bits [32], nibbles [128]
  float d = load_f16(b), dmin = load_f16(b + 2);
  const Byte* high = b + 16;
  for (int sub = 0; sub < 8; ++sub, y += 32) {
    ScaleMin s = scale_min(b + 4, sub);
    float scale = d * static_cast<float>(s.scale), least = dmin * static_cast<float>(s.least);
    const Byte* from = b + 48 + sub / 2 * 32;
    int shift = sub % 2 * 4;
    for (int l = 0; l < 32; ++l) {
      y[l] = scale * static_cast<float>((from[l] >> shift & 15) + (high[l] >> sub & 1) * 16) - least;
    }
  }
}

void q6_k(const Byte* b, float* y) {  // low nibbles [128], high bit pairs [64], scales i8[16], d f16
  float d = load_f16(b + 208);
  for (int quarter = 0; quarter < 8; ++quarter, y += 32) {  // 32 elements: half h, quarter t of that half
    int h = quarter / 4, t = quarter % 4;
    const Byte *low = b + h * 64 + t % 2 * 32, *high = b + 128 + h * 32, *scales = b + 192 + h * 8 + t * 2;
    int low_shift = t / 2 * 4, high_shift = t * 2;
    for (int l = 0; l < 32; ++l) {
      float scale = d * static_cast<float>(static_cast<std::int8_t>(scales[l / 16]));
      y[l] = scale * static_cast<float>(((low[l] >> low_shift & 15) | (high[l] >> high_shift & 3) << 4) - 32);
    }
  }
}

template <std::int64_t elements, std::int64_t bytes, void (*block)(const Byte*, float*)>
constexpr DTypeInfo row(DType type, std::string_view name, std::uint32_t gguf_id) {
  return {type, name, gguf_id, elements, bytes, 8.0 * bytes / elements, each_block<elements, bytes, block>};
}

constexpr std::array kTable = {
    DTypeInfo{DType::f32, "F32", 0, 1, 4, 32, f32},   row<1, 2, f16_element>(DType::f16, "F16", 1),
    row<1, 2, bf16_element>(DType::bf16, "BF16", 30), row<32, 18, q4_0>(DType::q4_0, "Q4_0", 2),
    row<32, 20, q4_1>(DType::q4_1, "Q4_1", 3),        row<32, 22, q5_0>(DType::q5_0, "Q5_0", 6),
    row<32, 24, q5_1>(DType::q5_1, "Q5_1", 7),        row<32, 34, q8_0>(DType::q8_0, "Q8_0", 8),
    row<256, 84, q2_k>(DType::q2_k, "Q2_K", 10),      row<256, 110, q3_k>(DType::q3_k, "Q3_K", 11),
    row<256, 144, q4_k>(DType::q4_k, "Q4_K", 12),     row<256, 176, q5_k>(DType::q5_k, "Q5_K", 13),
    row<256, 210, q6_k>(DType::q6_k, "Q6_K", 14),     row<32, 18, iq4_nl>(DType::iq4_nl, "IQ4_NL", 20),
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].type != static_cast<DType>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by DType");

}  // namespace

std::span<const DTypeInfo> dtype_table() { return kTable; }

const DTypeInfo& info_of(DType type) { return kTable[static_cast<std::size_t>(type)]; }

const DTypeInfo* find_gguf_type(std::uint32_t id) {
  for (const DTypeInfo& info : kTable) {
    if (info.gguf_id == id) return &info;
  }
  return nullptr;
}

std::string supported_dtypes() {
  std::string out;
  for (const DTypeInfo& info : kTable) (out += out.empty() ? "" : ", ") += info.name;
  return out;
}

std::int64_t row_bytes(DType type, std::int64_t columns) {
  const DTypeInfo& info = info_of(type);
  CHECK(columns % info.block_elements == 0, "a row of {} {} elements is not whole blocks", columns,
        info.name);
  return columns / info.block_elements * info.block_bytes;
}

std::string_view name_of(DType type) { return info_of(type).name; }

}  // namespace verbatim
