// Llama (Touvron et al. 2023; Llama 3: Dubey et al. 2024) and Mistral (Jiang et al. 2023), which adds a
// sliding window: pre-norm residual blocks of grouped-query attention with rotary positions, and a SwiGLU
// feed-forward.
#include "model/architectures.h"
#include "model/pass.h"
#include "model/tensors.h"

namespace verbatim {
namespace {

constexpr ModelType kLlamaTypes[] = {{"llama"}, {"mistral", WindowRule::always, 4096}};

constexpr TensorRule kLlamaTensors[] = {
    tensors::attention_norm,    tensors::q,    tensors::k,  tensors::v,   tensors::attention_output,
    tensors::feed_forward_norm, tensors::gate, tensors::up, tensors::down};

}  // namespace

void llama_layer(Pass& pass, const LayerWeights& w) {
  pass.normalise(w.attention_norm, {w.q, w.k, w.v});
  pass.project(w.q, w.k, w.v);
  pass.rotate();
  pass.attend();
  pass.add_projection(w.attention_output);

  pass.normalise(w.feed_forward_norm, {w.gate, w.up});
  pass.add_feed_forward(w.gate, w.up, w.down);
}

constinit const Architecture kLlama = {.name = "llama",
                                       .model_types = kLlamaTypes,
                                       .gguf_layout = RopeLayout::interleaved,
                                       .tensors = kLlamaTensors,
                                       .layer = llama_layer};

}  // namespace verbatim
