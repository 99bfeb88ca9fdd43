#include "builtin/builtin_models.h"

#include <algorithm>

#include "load/gguf_model.h"

extern "C" const std::byte verbatim_storyteller_begin[], verbatim_storyteller_end[];  // storyteller.S

namespace verbatim {

std::span<const BuiltinModel> builtin_models() {
  static const BuiltinModel models[] = {
      {"storyteller",
       "continues old fairy tales; trained for this program (models/storyteller)",
       {verbatim_storyteller_begin, verbatim_storyteller_end}},
  };
  return models;
}

Result<Checkpoint> open_by_name(const std::string& name_or_path) {
  auto found = std::ranges::find(builtin_models(), name_or_path, &BuiltinModel::name);
  if (found == builtin_models().end()) return open_checkpoint(name_or_path);
  return open_gguf(found->gguf, name_or_path);
}

}  // namespace verbatim
