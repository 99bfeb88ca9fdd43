#include "load/dequantise.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

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

template <float (*element)(std::uint16_t)>
void each_element(const std::byte* blocks, std::int64_t count, float* out) {
  const auto* p = reinterpret_cast<const Byte*>(blocks);
  for (std::int64_t i = 0; i < count; ++i) out[i] = element(load<std::uint16_t>(p + 2 * i));
}

void f32(const std::byte* blocks, std::int64_t count, float* out) {
  std::memcpy(out, blocks, static_cast<std::size_t>(count) * sizeof(float));
}

// A block of codes as the file holds it: element i of the block is  offset + step * code  (offset where the type has one) of
// its group.
struct CodeBlock {
  std::int8_t* code;
  float *step, *offset;
};

// ---- Blocks of 32. Element j < 16 is in the low nibble of byte j, element 16 + j in its high nibble. ----

void nibbles(const Byte* b, std::int8_t* code) {
  for (int j = 0; j < 16; ++j) {
    code[j] = static_cast<std::int8_t>(b[j] & 15);
    code[16 + j] = static_cast<std::int8_t>(b[j] >> 4);
  }
}

// The fifth bit of element j is bit j of `high`.
void five_bits(const Byte* low, std::uint32_t high, std::int8_t* code) {
  nibbles(low, code);
  for (int j = 0; j < 32; ++j) code[j] = static_cast<std::int8_t>(code[j] | (high >> j & 1) << 4);
}

void q8_0(const Byte* b, CodeBlock out) {  // d f16, q i8[32]
  *out.step = load_f16(b);
  std::memcpy(out.code, b + 2, 32);
}

void q4_0(const Byte* b, CodeBlock out) {  // d f16, nibbles[16]
  *out.step = load_f16(b);
  nibbles(b + 2, out.code);
}

void q4_1(const Byte* b, CodeBlock out) {  // d f16, m f16, nibbles[16]
  *out.step = load_f16(b);
  *out.offset = load_f16(b + 2);
  nibbles(b + 4, out.code);
}

void q5_0(const Byte* b, CodeBlock out) {  // d f16, high u32, nibbles[16]
  *out.step = load_f16(b);
  five_bits(b + 6, load<std::uint32_t>(b + 2), out.code);
}

void q5_1(const Byte* b, CodeBlock out) {  // d f16, m f16, high u32, nibbles[16]
  *out.step = load_f16(b);
  *out.offset = load_f16(b + 2);
  five_bits(b + 8, load<std::uint32_t>(b + 4), out.code);
}

void iq4_nl(const Byte* b, CodeBlock out) {  // d f16, nibbles[16] that name levels
  *out.step = load_f16(b);
  nibbles(b + 2, out.code);
}

// e of E8M0 (OCP Microscaling Formats v1.0, 5.4.1), nibbles[16] that name levels: doubled values, so half the scale
void mxfp4(const Byte* b, CodeBlock out) {
  *out.step = b[0] == 255 ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0f, b[0] - 128);
  nibbles(b + 1, out.code);
}

// ---- Super-blocks of 256 ("K" types): sub-blocks of 16 or 32 with small integer scales of their own. ----

void q2_k(const Byte* b, CodeBlock out) {  // scales and mins [16], 2-bit q[64], d f16, dmin f16
  const Byte *scales = b, *q = b + 16;
  float d = load_f16(b + 80), dmin = load_f16(b + 82);
  for (int sub = 0; sub < 16; ++sub) {
    out.step[sub] = d * static_cast<float>(scales[sub] & 15);
    out.offset[sub] = -(dmin * static_cast<float>(scales[sub] >> 4));
    const Byte* from = q + sub / 8 * 32 + sub % 2 * 16;
    int shift = sub / 2 % 4 * 2;
    for (int l = 0; l < 16; ++l) out.code[sub * 16 + l] = static_cast<std::int8_t>(from[l] >> shift & 3);
  }
}

void q3_k(const Byte* b, CodeBlock out) {  // high bits [32]; 2-bit q[64]; sixteen 6-bit scales in [12]; d f16
  const Byte *high = b, *q = b + 32, *packed = b + 96;
  float d = load_f16(b + 108);
  for (int sub = 0; sub < 16; ++sub) {
    int low4 = packed[sub % 8] >> sub / 8 * 4 & 15, high2 = packed[8 + sub % 4] >> sub / 4 * 2 & 3;
    out.step[sub] = d * static_cast<float>((low4 | high2 << 4) - 32);
    const Byte *from = q + sub / 8 * 32 + sub % 2 * 16, *mask = high + sub % 2 * 16;
    int shift = sub / 2 % 4 * 2, bit = sub / 2;
    for (int l = 0; l < 16; ++l) {
      out.code[sub * 16 + l] = static_cast<std::int8_t>((from[l] >> shift & 3) | (mask[l] >> bit & 1) << 2);
    }
  }
}

// The steps and offsets of the 8 sub-blocks: d, dmin, and in the 12 bytes that Q4_K and Q5_K share a 6-bit scale and min
// of each.
void scales_and_mins(const Byte* b, CodeBlock out) {
  float d = load_f16(b), dmin = load_f16(b + 2);
  const Byte* p = b + 4;
  for (int sub = 0; sub < 8; ++sub) {
    const bool first = sub < 4;
    int scale = first ? p[sub] & 63 : (p[sub + 4] & 15) | p[sub - 4] >> 6 << 4;
    int least = first ? p[sub + 4] & 63 : p[sub + 4] >> 4 | p[sub] >> 6 << 4;
    out.step[sub] = d * static_cast<float>(scale);
    out.offset[sub] = -(dmin * static_cast<float>(least));
  }
}

void q4_k(const Byte* b, CodeBlock out) {  // d f16, dmin f16, scales and mins [12], nibbles [128]
  scales_and_mins(b, out);
  for (int sub = 0; sub < 8; ++sub) {
    const Byte* from = b + 16 + sub / 2 * 32;
    int shift = sub % 2 * 4;
    for (int l = 0; l < 32; ++l) out.code[sub * 32 + l] = static_cast<std::int8_t>(from[l] >> shift & 15);
  }
}

void q5_k(const Byte* b,
          CodeBlock out) {  // d, dmin, scales and mins as above, fifth bits [32], nibbles [128]
  scales_and_mins(b, out);
  const Byte* high = b + 16;
  for (int sub = 0; sub < 8; ++sub) {
    const Byte* from = b + 48 + sub / 2 * 32;
    int shift = sub % 2 * 4;
    for (int l = 0; l < 32; ++l) {
      out.code[sub * 32 + l] = static_cast<std::int8_t>((from[l] >> shift & 15) | (high[l] >> sub & 1) << 4);
    }
  }
}

void q6_k(const Byte* b, CodeBlock out) {  // low nibbles [128], high bit pairs [64], scales i8[16], d f16
  float d = load_f16(b + 208);
  for (int sub = 0; sub < 16; ++sub)
    out.step[sub] = d * static_cast<float>(static_cast<std::int8_t>(b[192 + sub]));
  for (int quarter = 0; quarter < 8; ++quarter) {  // 32 elements: half h, quarter t of that half
    int h = quarter / 4, t = quarter % 4;
    const Byte *low = b + h * 64 + t % 2 * 32, *high = b + 128 + h * 32;
    int low_shift = t / 2 * 4, high_shift = t * 2;
    for (int l = 0; l < 32; ++l) {
      out.code[quarter * 32 + l] =
          static_cast<std::int8_t>((low[l] >> low_shift & 15) | (high[l] >> high_shift & 3) << 4);
    }
  }
}

void iq4_xs(const Byte* b, CodeBlock out) {  // d f16, 6-bit scales: high u16, low [4]; nibbles[128]
  const float d = load_f16(b);
  const int high = load<std::uint16_t>(b + 2);
  for (int sub = 0; sub < 8; ++sub) {
    const int scale = (b[4 + sub / 2] >> sub % 2 * 4 & 15) | (high >> 2 * sub & 3) << 4;
    out.step[sub] = d * static_cast<float>(scale - 32);
    nibbles(b + 8 + sub * 16, out.code + sub * 32);
  }
}

constexpr int kMostElements = 256, kMostGroups = 16;  // of a block

// A quantised type: blocks of `elements` in `bytes`, and how one is read.
template <std::int64_t elements, std::int64_t bytes, CodeMeaning meaning,
          void (*block)(const Byte*, CodeBlock)>
struct Quantised {
  static constexpr CodeForm kForm = meaning.form();
  static constexpr std::int64_t kGroups = elements / kForm.group;
  static_assert(elements <= kMostElements && kGroups <= kMostGroups);

  static void read(const std::byte* blocks, std::int64_t count, std::int8_t* codes, float* steps,
                   float* offsets) {
    const auto* p = reinterpret_cast<const Byte*>(blocks);
    for (std::int64_t i = 0; i < count; ++i)
      block(p + i * bytes, {codes + i * elements, steps + i * kGroups, offsets + i * kGroups});
  }

  static void dequantise(const std::byte* blocks, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i, blocks += bytes) {
      std::int8_t codes[kMostElements];
      float steps[kMostGroups], offsets[kMostGroups];
      read(blocks, 1, codes, steps, offsets);
      for (int group = 0; group < kGroups; ++group) {
        for (int j = 0; j < kForm.group; ++j, ++out) {
          const int code = codes[group * kForm.group + j];
          const int level = kForm.table() ? spec::levels_of(kForm.levels)[code] : code - meaning.bias();
          *out = static_cast<float>(level) * steps[group];
          if (kForm.offsets) *out = *out + offsets[group];
        }
      }
    }
  }

  static constexpr FileCodes kCodes{meaning, read};
  static constexpr DTypeInfo row(DType type, std::string_view name, std::uint32_t gguf_id) {
    return {type,       name,   gguf_id, elements, bytes, 8.0 * static_cast<double>(bytes) / elements,
            dequantise, &kCodes};
  }
};

constexpr DTypeInfo floats(DType type, std::string_view name, std::uint32_t gguf_id, std::int64_t bytes,
                           void (*read)(const std::byte*, std::int64_t, float*)) {
  return {type, name, gguf_id, 1, bytes, 8.0 * static_cast<double>(bytes), read, nullptr};
}

using K = WeightKind;
constexpr std::array kTable = {
    floats(DType::f32, "F32", 0, 4, f32),
    floats(DType::f16, "F16", 1, 2, each_element<f16_to_f32>),
    floats(DType::bf16, "BF16", 30, 2, each_element<bf16_to_f32>),
    Quantised<32, 18, CodeMeaning{K::c4, 8, 0}, q4_0>::row(DType::q4_0, "Q4_0", 2),
    Quantised<32, 20, CodeMeaning{K::c4z, 8, 0}, q4_1>::row(DType::q4_1, "Q4_1", 3),
    Quantised<32, 22, CodeMeaning{K::c8, 16, 3}, q5_0>::row(DType::q5_0, "Q5_0", 6),
    Quantised<32, 24, CodeMeaning{K::c8z, 16, 3}, q5_1>::row(DType::q5_1, "Q5_1", 7),
    Quantised<32, 34, CodeMeaning{K::c8, 0, 0}, q8_0>::row(DType::q8_0, "Q8_0", 8),
    Quantised<256, 84, CodeMeaning{K::c4sz, 2, 2}, q2_k>::row(DType::q2_k, "Q2_K", 10),
    Quantised<256, 110, CodeMeaning{K::c4s, 4, 1}, q3_k>::row(DType::q3_k, "Q3_K", 11),
    Quantised<256, 144, CodeMeaning{K::c4z, 8, 0}, q4_k>::row(DType::q4_k, "Q4_K", 12),
    Quantised<256, 176, CodeMeaning{K::c8z, 16, 3}, q5_k>::row(DType::q5_k, "Q5_K", 13),
    Quantised<256, 210, CodeMeaning{K::c8s, 32, 2}, q6_k>::row(DType::q6_k, "Q6_K", 14),
    Quantised<32, 18, CodeMeaning{K::c4t, 0, 0}, iq4_nl>::row(DType::iq4_nl, "IQ4_NL", 20),
    Quantised<256, 136, CodeMeaning{K::c4t, 0, 0}, iq4_xs>::row(DType::iq4_xs, "IQ4_XS", 23),
    Quantised<32, 17, CodeMeaning{K::c4m, 0, 0}, mxfp4>::row(DType::mxfp4, "MXFP4", 39),
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
