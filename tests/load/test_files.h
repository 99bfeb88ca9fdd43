// What the load tests share: a folder that vanishes, and small random models.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "load/dequantise.h"
#include "load/encode.h"
#include "load/gguf_writer.h"
#include "model/architecture.h"

namespace verbatim::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "verbatim-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// A model of every architecture's features, small enough to be cut at every byte. Rows are Gaussian,
// seeded by the tensor's place and the row; `edit` may change a row before it is encoded.
struct SmallModel {
  ModelConfig config;
  DType type = DType::f32;
  std::function<void(const std::string& name, std::int64_t row, std::vector<float>& x)> edit;

  explicit SmallModel(const std::string& architecture, std::int64_t layers = 1) {
    config.architecture = architecture;
    config.layers = layers;
    config.dim = 32;
    config.hidden_dim = 64;
    config.heads = 2;
    config.kv_heads = 1;
    config.head_dim = config.rope_dim = 16;
    config.vocab_size = 20;
    config.context_length = 64;
    config = implied_by_gguf(config);
  }

  GgufContent content() const {
    GgufContent out;
    const ModelConfig& c = config;
    std::string p = c.architecture + ".";
    auto u32 = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
    out.metadata = {{"general.architecture", c.architecture},
                    {p + "block_count", u32(c.layers)},
                    {p + "embedding_length", u32(c.dim)},
                    {p + "feed_forward_length", u32(c.hidden_dim)},
                    {p + "attention.head_count", u32(c.heads)},
                    {p + "attention.head_count_kv", u32(c.kv_heads)},
                    {p + "attention.key_length", u32(c.head_dim)},
                    {p + "context_length", u32(c.context_length)},
                    {p + "attention.layer_norm_rms_epsilon", c.norm_epsilon}};
    for (const TensorSpec& spec : expected_tensors(c)) {
      DType of = spec.vector ? DType::f32 : type;
      out.tensors.push_back({spec.name, of, spec.rows, spec.columns, spec.vector});
    }
    return out;
  }

  std::vector<float> row(const std::string& name, std::int64_t row, std::int64_t columns) const {
    std::seed_seq seed(name.begin(), name.end());
    std::mt19937 generator(seed);
    generator.discard(static_cast<unsigned long long>(row) * 1000);
    std::vector<float> x;
    for (std::int64_t i = 0; i < columns; ++i) {
      // Integers scaled by a power of two: the same on every standard library.
      x.push_back((static_cast<float>(generator() >> 8) - 0x1p23f) * 0x1p-23f);
    }
    if (edit) edit(name, row, x);
    return x;
  }

  void write(const std::string& path, const GgufContent& content) const {
    ThreadPool pool(1);
    Status status = write_gguf(
        path, content,
        [&](std::size_t index, std::int64_t r, std::byte* out) {
          const GgufTensor& tensor = content.tensors[index];
          encode_row(tensor.type, row(tensor.name, r, tensor.columns).data(), tensor.columns, out);
        },
        pool);
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  void write(const std::string& path) const { write(path, content()); }
};

}  // namespace verbatim::testing
