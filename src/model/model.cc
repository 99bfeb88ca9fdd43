#include "model/model.h"

#include "model/architecture.h"
#include "model/bind.h"
#include "model/decoder.h"

namespace verbatim {

Result<std::unique_ptr<Model>> Model::create(const ModelConfig& config, ModelWeights weights,
                                             const ModelOptions& options, Backend& backend) {
  const Architecture* architecture = find_architecture(config.architecture);
  if (architecture == nullptr) {
    return fail("architecture '{}' is not supported; supported: {}", config.architecture,
                supported_architectures());
  }
  Result<BoundWeights> bound = bind_weights(*architecture, config, weights, backend);
  if (!bound) return bound.error();
  return std::unique_ptr<Model>(new Decoder(*architecture, config, *std::move(bound), options, backend));
}

}  // namespace verbatim
