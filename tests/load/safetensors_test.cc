#include "load/safetensors.h"

#include <gtest/gtest.h>

#include <memory>

#include "test_files.h"

namespace verbatim {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  std::uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + data;
}

// Reads a copy that ends where the bytes end, every row of it.
Result<SafetensorsFile> read_whole_safetensors(std::string_view text) {
  std::unique_ptr<std::byte[]> copy(new std::byte[text.size()]);
  std::memcpy(copy.get(), text.data(), text.size());
  Result<SafetensorsFile> file = read_safetensors({copy.get(), text.size()}, "x");
  if (!file) return file;
  for (const auto& [name, tensor] : file->tensors) {
    std::vector<float> row(static_cast<std::size_t>(tensor.columns));
    for (std::int64_t r = 0; r < tensor.rows; ++r) tensor.read_row(r, row.data());
  }
  file->tensors.clear();
  return file;
}

TEST(Safetensors, ReadsTheThreeTypes) {
  std::string data(
      "\x00\x00\x80\x3f\x00\x00\x00\xc0"
      "\x00\x3c\x00\xc0"
      "\x80\x3f",
      14);  // 1 -2 | 1 -2 | 1
  std::string text = file_of(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]},"c":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]}})",
      data);
  Result<SafetensorsFile> file = read_safetensors(testing::bytes_of(text), "x");
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file->tensors.size(), 3u);
  float x[2];
  file->tensors.at("a").read_row(1, x);
  EXPECT_EQ(x[0], -2);
  EXPECT_EQ(file->tensors.at("b").rows, 1);
  file->tensors.at("b").read_row(0, x);
  EXPECT_EQ(x[0], 1);
  EXPECT_EQ(x[1], -2);
  file->tensors.at("c").read_row(0, x);
  EXPECT_EQ(x[0], 1);
}

TEST(Safetensors, RefusesByName) {
  struct Case {
    std::string header, sentence;
  };
  auto tensor = [](const char* rest) { return fmt::format("{{\"t\":{{{}}}}}", rest); };
  const Case cases[] = {
      {tensor(R"("dtype":"I8","shape":[4],"data_offsets":[0,4])"),
       "x: tensor 't' has dtype 'I8', which is not supported (supported: F32, F16, BF16)"},
      {tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
       "x: tensor 't' needs 8 bytes, but its data_offsets [0, 4) are of 8 bytes of data"},
      {tensor(R"("dtype":"F32","shape":[4],"data_offsets":[0,16])"),
       "x: tensor 't' needs 16 bytes, but its data_offsets [0, 16) are of 8 bytes of data"},
      {tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"),
       "x: tensor 't' needs 8 bytes, but its data_offsets [8, 0) are of 8 bytes of data"},
      {tensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"),
       "x: tensor 't' has the impossible shape [4294967296,4294967296]"},
      {tensor(R"("dtype":"F32","shape":[0],"data_offsets":[0,0])"),
       "x: tensor 't' has the impossible shape [0]"},
      {tensor(R"("dtype":"F32","shape":[1,1,2],"data_offsets":[0,8])"),
       "x: tensor 't' has shape [1,1,2], not one or two dimensions"},
      {tensor(R"("dtype":"F32","shape":[2])"), "x: tensor 't' lacks shape or data_offsets"},
      {tensor(R"("dtype":7,"shape":[2],"data_offsets":[0,8])"), "x: key 't.dtype' is 7, not a string"},
      {R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{}})",
       "x: the key \"t\" occurs twice in an object"},
      {"[]", "x: its header is not a JSON object"},
      {std::string(1000, '['), "x: nested deeper than 512"},
  };
  for (const Case& c : cases) {
    Result<SafetensorsFile> file = read_whole_safetensors(file_of(c.header, std::string(8, '\0')));
    ASSERT_FALSE(file.ok()) << c.header;
    EXPECT_EQ(file.error().message, c.sentence);
  }
  EXPECT_EQ(read_whole_safetensors("short").error().message, "x: too short for a safetensors file");
  EXPECT_EQ(read_whole_safetensors(std::string(16, '\xff')).error().message,
            "x: offset 0: a header of 18446744073709551615 bytes does not fit");
}

TEST(Safetensors, EveryPrefixIsRefusedAndFlipsNeverCrash) {
  std::string text =
      file_of(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", std::string(24, '\1'));
  ASSERT_TRUE(read_whole_safetensors(text).ok());
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(read_whole_safetensors(std::string_view(text).substr(0, size)).ok()) << size;
  }
  int refused = 0;
  for (std::size_t at = 0; at < text.size() - 24; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      refused += read_whole_safetensors(flipped).ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace verbatim
