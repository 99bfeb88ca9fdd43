// The decoders of the architectures that load/architecture.h lists, each in a file of its own.
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

struct DecoderEntry {
  std::string_view name;  // of load/architecture.h
  std::unique_ptr<Decoder> (*make)();
};

std::span<const DecoderEntry> decoders();

}  // namespace verbatim
