// Llama (Touvron et al. 2023; Llama 3: Dubey et al. 2024) and Mistral (Jiang et al. 2023), which adds a
// sliding window: pre-norm residual blocks of grouped-query attention with rotary positions, and a SwiGLU
// feed-forward.
#include "model/architectures.h"

namespace verbatim {
namespace {

class Llama final : public Decoder {
  void layer(const LayerWeights& w) override {
    normalise(w.attention_norm);
    project(w.q, w.k, w.v);
    rotate();
    attend();
    add_projection(w.attention_output);

    normalise(w.feed_forward_norm);
    add_feed_forward(w.gate, w.up, w.down);
  }
};

}  // namespace

std::unique_ptr<Decoder> make_llama() { return std::make_unique<Llama>(); }

}  // namespace verbatim
