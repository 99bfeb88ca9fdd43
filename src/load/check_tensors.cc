#include "load/check_tensors.h"

#include "model/architecture.h"

namespace verbatim {

Status check_tensors(const Checkpoint& checkpoint) {
  std::vector<TensorSpec> expected = expected_tensors(checkpoint.config);
  std::map<std::string_view, const TensorSpec*> by_name;
  for (const TensorSpec& spec : expected) {
    by_name.emplace(spec.name, &spec);
    const CheckpointTensor* tensor = checkpoint.find(spec.name);
    if (tensor == nullptr) {
      return fail("{}: tensor '{}' is missing from this {} model", checkpoint.path, spec.name,
                  checkpoint.config.architecture);
    }
    if (tensor->rows != spec.rows || tensor->columns != spec.columns) {
      return fail("{}: tensor '{}' has {} rows of {}, but this model needs {} rows of {}", checkpoint.path,
                  spec.name, tensor->rows, tensor->columns, spec.rows, spec.columns);
    }
  }
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (!by_name.contains(name)) {
      return fail("{}: tensor '{}' has no place in the architecture '{}'", checkpoint.path, name,
                  checkpoint.config.architecture);
    }
  }
  return {};
}

}  // namespace verbatim
