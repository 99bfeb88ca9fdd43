// The models that are part of the program: GGUF files whose bytes the linker put into it (storyteller.S), so that
// one file runs anywhere. They are opened by name wherever a path would do, and read in place; the weight cache
// does not know them, because turning them into integers takes less time than finding a file.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "load/checkpoint.h"

namespace verbatim {

struct BuiltinModel {
  std::string_view name;
  std::string_view summary;
  std::span<const std::byte> gguf;
  std::string_view chat_template;
};

std::span<const BuiltinModel> builtin_models();  // the first is the default of every command

// The built-in model of this name, or else the .gguf file or Hugging Face folder at this path
// ("./storyteller" is always a path).
Result<Checkpoint> open_by_name(const std::string& name_or_path);

}  // namespace verbatim
