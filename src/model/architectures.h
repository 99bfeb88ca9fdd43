// The architectures this program knows, each in a file of its own.
//
// Qwen2 (Yang et al. 2024) is Llama's block with biases on q, k and v: the projections carry them, so it
// needs no layer of its own and shares llama.cc.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "model/decoder.h"

namespace verbatim {

std::unique_ptr<Decoder> make_llama();
std::unique_ptr<Decoder> make_qwen3();

struct Architecture {
  std::string_view name;  // general.architecture in GGUF
  ArchitectureTraits traits;
  std::unique_ptr<Decoder> (*make)();
};

std::span<const Architecture> architectures();

}  // namespace verbatim
