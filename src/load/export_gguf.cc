#include "load/export_gguf.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "load/dequantise.h"
#include "load/encode.h"
#include "load/gguf_metadata.h"
#include "model/architecture.h"

namespace verbatim {
namespace {

// Where the rows of a written tensor come from.
struct Source {
  const CheckpointTensor* tensor = nullptr;
  std::int64_t head_dim = 0;  // 0: the rows stay in order; else heads go from halves to interleaved pairs

  std::int64_t row(std::int64_t to) const {
    if (head_dim == 0) return to;
    std::int64_t head = to / head_dim, place = to % head_dim;
    return head * head_dim + place / 2 + place % 2 * (head_dim / 2);
  }
};

void write_row(const CheckpointTensor& from, std::int64_t row, DType type, std::byte* out) {
  if (from.type == type) {
    std::int64_t bytes = row_bytes(type, from.columns);
    std::memcpy(out, from.data + row * bytes, static_cast<std::size_t>(bytes));
    return;
  }
  std::vector<float> x(static_cast<std::size_t>(from.columns));
  from.read_row(row, x.data());
  encode_row(type, x.data(), from.columns, out);
}

// The type of a written tensor; an error when its rows are not whole blocks of it.
Result<DType> type_of(const TensorSpec& spec, const CheckpointTensor& from, std::optional<DType> wanted,
                      const std::string& where) {
  DType type = spec.vector ? DType::f32 : wanted.value_or(from.type);
  if (type != from.type && std::ranges::find(writable_dtypes(), type) == writable_dtypes().end())
    return fail("{}: {} cannot be written", where, name_of(type));
  if (spec.columns % info_of(type).block_elements != 0) {
    return fail("{}: rows of '{}' have {} elements, not a multiple of {}'s block of {}", where, spec.name,
                spec.columns, name_of(type), info_of(type).block_elements);
  }
  return type;
}

}  // namespace

Status export_gguf(const std::string& path, const Checkpoint& checkpoint, const GgufExport& options,
                   ThreadPool& pool) {
  const ModelConfig& config = checkpoint.config;
  if (config.architecture.empty()) return fail("{}: holds a vocabulary only, no model", checkpoint.path);
  Result<GgufMetadata> metadata = config_metadata(config, checkpoint.path);
  if (!metadata) return metadata.error();
  Result<GgufMetadata> vocabulary = tokenizer_metadata(checkpoint.tokenizer, checkpoint.path);
  if (!vocabulary) return vocabulary.error();
  GgufContent content;
  content.metadata = *std::move(metadata);
  for (const auto& [key, text] : options.texts) content.metadata.emplace_back(key, text);
  std::ranges::move(*vocabulary, std::back_inserter(content.metadata));

  RopeLayout layout = find_architecture(config.architecture)->gguf_layout;
  CHECK(config.rope_layout == layout || layout == RopeLayout::interleaved,
        "no file has interleaved rows here");
  bool reorder = config.rope_layout != layout;
  std::vector<Source> sources;
  for (const TensorSpec& spec : expected_tensors(config)) {
    const CheckpointTensor* from = checkpoint.find(spec.name);
    CHECK(from != nullptr, "an opened checkpoint lacks '{}'", spec.name);
    CHECK(!(reorder && spec.vector && spec.rotated), "'{}' would have to be reordered", spec.name);
    Result<DType> type = type_of(spec, *from, options.type, path);
    if (!type) return type.error();
    content.tensors.push_back({spec.name, *type, spec.rows, spec.columns, spec.vector});
    sources.push_back({from, reorder && spec.rotated ? config.head_dim : 0});
  }
  std::vector<float> factors = frequency_factors(config);
  if (!factors.empty()) {
    auto columns = static_cast<std::int64_t>(factors.size());
    content.tensors.push_back({"rope_freqs.weight", DType::f32, 1, columns, true});
  }
  auto rows = [&](std::size_t index, std::int64_t row, std::byte* out) {
    const GgufTensor& tensor = content.tensors[index];
    if (index == sources.size()) return encode_row(tensor.type, factors.data(), tensor.columns, out);
    write_row(*sources[index].tensor, sources[index].row(row), tensor.type, out);
  };
  if (Status written = write_gguf(path, content, rows, pool); !written) return written;
  Status unchanged = checkpoint.check_unchanged();
  if (!unchanged) std::filesystem::remove(path);
  return unchanged;
}

}  // namespace verbatim
