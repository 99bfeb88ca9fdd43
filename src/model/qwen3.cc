// Qwen3 (Yang et al. 2025): Llama's block; each query and key head is normalised before it is rotated.
#include "model/architectures.h"

namespace verbatim {
namespace {

class Qwen3 final : public Decoder {
  void layer(const LayerWeights& w) override {
    normalise(w.attention_norm);
    project(w.q, w.k, w.v);
    normalise_heads(w.q_norm, w.k_norm);
    rotate();
    attend();
    add_projection(w.attention_output);

    normalise(w.feed_forward_norm);
    add_feed_forward(w.gate, w.up, w.down);
  }
};

}  // namespace

std::unique_ptr<Decoder> make_qwen3() { return std::make_unique<Qwen3>(); }

}  // namespace verbatim
