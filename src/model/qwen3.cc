// Qwen3 (Yang et al. 2025): Llama's block; each query and key head is normalised before it is rotated.
#include "model/architectures.h"
#include "model/pass.h"
#include "model/tensors.h"

namespace verbatim {
namespace {

constexpr ModelType kQwen3Types[] = {{"qwen3", WindowRule::if_enabled}};

constexpr TensorRule kQwen3Tensors[] = {tensors::attention_norm,
                                        tensors::q,
                                        tensors::k,
                                        tensors::v,
                                        tensors::q_norm,
                                        tensors::k_norm,
                                        tensors::attention_output,
                                        tensors::feed_forward_norm,
                                        tensors::gate,
                                        tensors::up,
                                        tensors::down};

void qwen3_layer(Pass& pass, const LayerWeights& w) {
  pass.normalise(w.attention_norm, {w.q, w.k, w.v});
  pass.project(w.q, w.k, w.v);
  pass.normalise_heads(w.q_norm, w.k_norm);
  pass.rotate();
  pass.attend();
  pass.add_projection(w.attention_output);

  pass.normalise(w.feed_forward_norm, {w.gate, w.up});
  pass.add_feed_forward(w.gate, w.up, w.down);
}

}  // namespace

constinit const Architecture kQwen3 = {.name = "qwen3",
                                       .model_types = kQwen3Types,
                                       .gguf_layout = RopeLayout::halves,
                                       .tensors = kQwen3Tensors,
                                       .layer = qwen3_layer};

}  // namespace verbatim
