#include "model/architecture.h"

#include <fmt/format.h>

#include "base/check.h"
#include "model/architectures.h"

namespace verbatim {
namespace {

std::int64_t size_of(Extent extent, const ModelConfig& c) {
  switch (extent) {
    case Extent::one:
      return 1;
    case Extent::dim:
      return c.dim;
    case Extent::hidden:
      return c.hidden_dim;
    case Extent::queries:
      return c.heads * c.head_dim;
    case Extent::keys:
      return c.kv_heads * c.head_dim;
    case Extent::head:
      return c.head_dim;
    case Extent::vocabulary:
      return c.vocab_size;
  }
  CHECK(false, "extent {} is none", static_cast<int>(extent));
}

const Architecture& supported_architecture(const ModelConfig& config) {
  const Architecture* found = find_architecture(config.architecture);
  CHECK(found != nullptr, "the unknown architecture '{}' was asked for", config.architecture);
  return *found;
}

// A file that states nothing.
class NoKeys final : public Keys {
 public:
  std::optional<std::int64_t> integer(Key) override { return std::nullopt; }
  std::optional<bool> flag(Key) override { return std::nullopt; }
  std::optional<std::vector<std::int64_t>> integers(Key) override { return std::nullopt; }
  void refuse(Key, std::string_view) override {}
};

}  // namespace

std::span<const Architecture* const> architectures() { return kArchitectures; }

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture* architecture : kArchitectures) {
    if (architecture->name == name) return architecture;
  }
  return nullptr;
}

std::string supported_architectures() {
  std::string out;
  for (const Architecture* architecture : kArchitectures)
    (out += out.empty() ? "" : ", ") += architecture->name;
  return out;
}

ModelConfig implied_by_gguf(ModelConfig config) {
  const Architecture& architecture = supported_architecture(config);
  config.rope_layout = architecture.gguf_layout;
  config.rotated_layers.clear();
  NoKeys none;
  if (architecture.configure != nullptr) architecture.configure(none, config);
  return config;
}

TensorSpec spec_of(const TensorRule& rule, std::int64_t layer, const ModelConfig& config) {
  const bool once = layer == kNoLayer;
  return {.name = once ? std::string(rule.gguf) : fmt::format("blk.{}.{}", layer, rule.gguf),
          .rows = size_of(rule.rows, config),
          .columns = size_of(rule.columns, config),
          .vector = rule.rows == Extent::one,
          .rotated = rule.rotated,
          .hugging_face = once ? std::string(rule.hugging_face)
                               : fmt::format("model.layers.{}.{}", layer, rule.hugging_face)};
}

std::vector<TensorSpec> expected_tensors(const ModelConfig& config) {
  const Architecture& architecture = supported_architecture(config);
  std::vector<TensorSpec> out = {spec_of(kEmbedding, kNoLayer, config)};
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    for (const TensorRule& rule : architecture.tensors) out.push_back(spec_of(rule, layer, config));
  out.push_back(spec_of(kOutputNorm, kNoLayer, config));
  if (!config.tied_embeddings) out.push_back(spec_of(kOutput, kNoLayer, config));
  return out;
}

}  // namespace verbatim
