#include "model/model.h"

#include "model/architectures.h"

namespace verbatim {

std::span<const Architecture> architectures() {
  static constexpr Architecture kArchitectures[] = {
      {"llama", {}, make_llama},
      {"qwen2", {.qkv_bias = true, .qk_norm = false}, make_llama},
      {"qwen3", {.qkv_bias = false, .qk_norm = true}, make_qwen3},
  };
  return kArchitectures;
}

Result<std::unique_ptr<Model>> Model::create(const ModelConfig& config, PackedWeights weights,
                                             const ModelOptions& options, Backend& backend) {
  std::string known;
  for (const Architecture& architecture : architectures()) {
    if (architecture.name == config.architecture) {
      std::unique_ptr<Decoder> model = architecture.make();
      if (Status bound = model->bind(config, std::move(weights), options, architecture.traits, backend);
          !bound) {
        return bound.error();
      }
      return std::unique_ptr<Model>(std::move(model));
    }
    known += fmt::format("{}{}", known.empty() ? "" : ", ", architecture.name);
  }
  return fail("architecture '{}' is not supported; supported: {}", config.architecture, known);
}

}  // namespace verbatim
