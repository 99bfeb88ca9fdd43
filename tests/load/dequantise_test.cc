// Every number format against a second, naive reading of its layout: one element at a time, by its index,
// from the field offsets of ggml-common.h's block structures.
#include "load/dequantise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "base/half.h"
#include "load/encode.h"
#include "test_files.h"

namespace verbatim {
namespace {

using Block = std::vector<std::uint8_t>;

float f16_at(const Block& b, std::size_t at) {
  return f16_to_f32(static_cast<std::uint16_t>(b[at] | b[at + 1] << 8));
}
int nibble(const Block& b, std::size_t at, int i, int half) {
  return i < half ? b[at + i] & 15 : b[at + i - half] >> 4;
}
int bit(const Block& b, std::size_t at, int i) { return b[at + i / 8] >> i % 8 & 1; }
float f(int x) { return static_cast<float>(x); }

// The 6-bit scale (which = 0) or min (1) of 32-element sub-block j in Q4_K and Q5_K.
int k_scale(const Block& b, int j, int which) {
  if (j < 4) return b[4 + j + 4 * which] & 63;
  int low = which == 0 ? b[4 + j + 4] & 15 : b[4 + j + 4] >> 4;
  return low | (b[4 + j - 4 + 4 * which] >> 6) << 4;
}

float q2_k(const Block& b, int i) {
  int scale = b[i / 16], q = b[16 + i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3;
  return f16_at(b, 80) * f(scale & 15) * f(q) - f16_at(b, 82) * f(scale >> 4);
}

float q3_k(const Block& b, int i) {
  int j = i / 16, scale = (j < 8 ? b[96 + j] & 15 : b[96 + j - 8] >> 4) | (b[104 + j % 4] >> 2 * (j / 4) & 3)
                                                                              << 4;
  int q = b[32 + i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3, high = b[i % 32] >> i / 32 & 1;
  return f16_at(b, 108) * f(scale - 32) * f(q + 4 * high - 4);
}

float q4_k(const Block& b, int i) {
  int j = i / 32, q = b[16 + i / 64 * 32 + i % 32] >> 4 * (j % 2) & 15;
  return f16_at(b, 0) * f(k_scale(b, j, 0)) * f(q) - f16_at(b, 2) * f(k_scale(b, j, 1));
}

float q5_k(const Block& b, int i) {
  int j = i / 32, q = (b[48 + i / 64 * 32 + i % 32] >> 4 * (j % 2) & 15) + 16 * (b[16 + i % 32] >> j & 1);
  return f16_at(b, 0) * f(k_scale(b, j, 0)) * f(q) - f16_at(b, 2) * f(k_scale(b, j, 1));
}

float q6_k(const Block& b, int i) {
  int low = b[i / 128 * 64 + i % 64] >> (i % 128 < 64 ? 0 : 4) & 15;
  int high = b[128 + i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3;
  return f16_at(b, 208) * f(static_cast<std::int8_t>(b[192 + i / 16])) * f(low + 16 * high - 32);
}

constexpr int kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

float iq4_xs(const Block& b, int i) {
  int j = i / 32, scale = (b[4 + j / 2] >> 4 * (j % 2) & 15) | ((b[2] | b[3] << 8) >> 2 * j & 3) << 4;
  return f16_at(b, 0) * f(scale - 32) *
         f(kLevels[nibble(b, 8 + 16 * static_cast<std::size_t>(j), i % 32, 16)]);
}

// E2M1: sign, two bits of exponent (bias 1), one of mantissa.
float mxfp4(const Block& b, int i) {
  int code = nibble(b, 1, i, 16), exponent = code >> 1 & 3, mantissa = code & 1;
  float value = exponent == 0 ? f(mantissa) / 2 : std::ldexp(1 + f(mantissa) / 2, exponent - 1);
  float scale = b[0] == 255 ? NAN : std::ldexp(1.0f, b[0] - 127);
  return (code == 8 ? 0 : code > 8 ? -value : value) * scale;
}

float naive(DType type, const Block& b, int i) {
  switch (type) {
    case DType::f32: {
      float x;
      std::memcpy(&x, b.data(), sizeof x);
      return x;
    }
    case DType::f16:
      return f16_at(b, 0);
    case DType::bf16:
      return bf16_to_f32(static_cast<std::uint16_t>(b[0] | b[1] << 8));
    case DType::q8_0:
      return f16_at(b, 0) * f(static_cast<std::int8_t>(b[2 + i]));
    case DType::q4_0:
      return f16_at(b, 0) * f(nibble(b, 2, i, 16) - 8);
    case DType::q4_1:
      return f16_at(b, 0) * f(nibble(b, 4, i, 16)) + f16_at(b, 2);
    case DType::q5_0:
      return f16_at(b, 0) * f(nibble(b, 6, i, 16) + 16 * bit(b, 2, i) - 16);
    case DType::q5_1:
      return f16_at(b, 0) * f(nibble(b, 8, i, 16) + 16 * bit(b, 4, i)) + f16_at(b, 2);
    case DType::iq4_nl:
      return f16_at(b, 0) * f(kLevels[nibble(b, 2, i, 16)]);
    case DType::iq4_xs:
      return iq4_xs(b, i);
    case DType::mxfp4:
      return mxfp4(b, i);
    case DType::q2_k:
      return q2_k(b, i);
    case DType::q3_k:
      return q3_k(b, i);
    case DType::q4_k:
      return q4_k(b, i);
    case DType::q5_k:
      return q5_k(b, i);
    case DType::q6_k:
      return q6_k(b, i);
  }
  return 0;
}

class Dequantise : public ::testing::TestWithParam<DType> {};

TEST_P(Dequantise, EqualsANaiveReading) {
  const DTypeInfo& info = info_of(GetParam());
  std::mt19937 generator(7);
  for (int round = 0; round < 2000; ++round) {
    Block block(static_cast<std::size_t>(info.block_bytes));
    for (std::uint8_t& byte : block) byte = static_cast<std::uint8_t>(generator());
    std::vector<float> out(static_cast<std::size_t>(info.block_elements));
    info.dequantise(reinterpret_cast<const std::byte*>(block.data()), 1, out.data());
    for (int i = 0; i < info.block_elements; ++i) {
      float expected = naive(info.type, block, i);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(out[i])) << info.name << " round " << round << " element " << i;
        continue;
      }
      ASSERT_EQ(std::bit_cast<std::uint32_t>(out[i]), std::bit_cast<std::uint32_t>(expected))
          << info.name << " round " << round << " element " << i << ": "
          << fmt::format("{:a} {:a}", out[i], expected);
    }
  }
}

TEST_P(Dequantise, RowsAreRunsOfBlocks) {
  const DTypeInfo& info = info_of(GetParam());
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(3 * info.block_bytes) + 1);
  // Finite floats.
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 % 60);
  const auto* blocks = reinterpret_cast<const std::byte*>(bytes.data()) + 1;  // unaligned
  std::vector<float> together(static_cast<std::size_t>(3 * info.block_elements)), one(together.size() / 3);
  info.dequantise(blocks, 3, together.data());
  for (int b = 0; b < 3; ++b) {
    info.dequantise(blocks + b * info.block_bytes, 1, one.data());
    for (std::size_t i = 0; i < one.size(); ++i) ASSERT_EQ(together[b * one.size() + i], one[i]) << info.name;
  }
}

std::vector<DType> every_type() {
  std::vector<DType> types;
  for (const DTypeInfo& row : dtype_table()) types.push_back(row.type);
  return types;
}

INSTANTIATE_TEST_SUITE_P(EveryType, Dequantise, ::testing::ValuesIn(every_type()),
                         [](const auto& test) { return std::string(name_of(test.param)); });

TEST(Encode, ErrsByAtMostHalfAStep) {
  struct Case {
    DType type;
    float bound;  // of |error| / max |x| for 32 elements
  };
  for (Case c : {Case{DType::f32, 0}, Case{DType::f16, 0x1p-11f}, Case{DType::bf16, 0x1p-8f},
                 Case{DType::q8_0, 0.5f / 127 + 0x1p-11f}, Case{DType::q4_0, 1.0f / 8 + 0x1p-11f}}) {
    testing::SmallModel model("llama");
    std::vector<float> x = model.row("x", 0, 32), y(32);
    std::vector<std::byte> bytes(static_cast<std::size_t>(row_bytes(c.type, 32)));
    encode_row(c.type, x.data(), 32, bytes.data());
    info_of(c.type).dequantise(bytes.data(), 32 / info_of(c.type).block_elements, y.data());
    for (int i = 0; i < 32; ++i)
      EXPECT_LE(std::fabs(x[i] - y[i]), c.bound) << name_of(c.type) << " element " << i;
  }
}

}  // namespace
}  // namespace verbatim
