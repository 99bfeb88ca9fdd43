#include "model/model.h"

#include "load/architecture.h"
#include "model/architectures.h"

namespace verbatim {

std::span<const DecoderEntry> decoders() {
  static constexpr DecoderEntry kDecoders[] = {
      {"llama", make_llama},
      {"qwen2", make_llama},
      {"qwen3", make_qwen3},
  };
  return kDecoders;
}

Result<std::unique_ptr<Model>> Model::create(const ModelConfig& config, PackedWeights weights,
                                             const ModelOptions& options, Backend& backend) {
  for (const DecoderEntry& entry : decoders()) {
    if (entry.name != config.architecture) continue;
    std::unique_ptr<Decoder> model = entry.make();
    if (Status bound = model->bind(config, std::move(weights), options, backend); !bound)
      return bound.error();
    return std::unique_ptr<Model>(std::move(model));
  }
  return fail("architecture '{}' is not supported; supported: {}", config.architecture,
              supported_architectures());
}

}  // namespace verbatim
