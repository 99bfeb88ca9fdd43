// Qwen2 (Yang et al. 2024): Llama's block with biases on q, k and v, which the projections carry.
#include "model/architectures.h"
#include "model/tensors.h"

namespace verbatim {
namespace {

constexpr ModelType kQwen2Types[] = {{"qwen2", WindowRule::if_enabled}};

constexpr TensorRule kQwen2Tensors[] = {tensors::attention_norm,
                                        tensors::q,
                                        tensors::k,
                                        tensors::v,
                                        tensors::q_bias,
                                        tensors::k_bias,
                                        tensors::v_bias,
                                        tensors::attention_output,
                                        tensors::feed_forward_norm,
                                        tensors::gate,
                                        tensors::up,
                                        tensors::down};

}  // namespace

constinit const Architecture kQwen2 = {.name = "qwen2",
                                       .model_types = kQwen2Types,
                                       .gguf_layout = RopeLayout::halves,
                                       .tensors = kQwen2Tensors,
                                       .layer = llama_layer};

}  // namespace verbatim
