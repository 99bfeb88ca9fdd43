// The list of families. A new one has its two words here, and all else in a file of its own.
#pragma once

#include "model/architecture.h"

namespace verbatim {

extern const Architecture kLlama, kQwen2, kQwen3, kSmollm3;

inline constexpr const Architecture* kArchitectures[] = {&kLlama, &kQwen2, &kQwen3, &kSmollm3};

// Llama's layer, which other families share.
void llama_layer(Pass& pass, const LayerWeights& w);

}  // namespace verbatim
