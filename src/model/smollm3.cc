// SmolLM3 (Hugging Face 2025): Llama's block, but every fourth layer sees no positions (NoPE: Kazemnejad et al. 2023; Yang et
// al. 2025, "RoPE to NoPE and Back Again"): its queries and keys are not rotated.
//
// Facts are from transformers' modular_smollm3.py, and from llama.cpp's src/models/smollm3.cpp and convert_hf_to_gguf.py: GGUF
// has no key for the layers, and its rows are those of Llama, in layers without positions too.
#include <fmt/format.h>

#include <algorithm>

#include "model/architectures.h"
#include "model/pass.h"
#include "model/tensors.h"

namespace verbatim {
namespace {

constexpr ModelType kSmollm3Types[] = {
    {.name = "smollm3", .window = WindowRule::if_enabled, .default_theta = 2000000, .default_tied = true}};

constexpr TensorRule kSmollm3Tensors[] = {
    tensors::attention_norm,    tensors::q,    tensors::k,  tensors::v,   tensors::attention_output,
    tensors::feed_forward_norm, tensors::gate, tensors::up, tensors::down};

void smollm3_layer(Pass& pass, const LayerWeights& w) {
  pass.normalise(w.attention_norm, {w.q, w.k, w.v});
  pass.project(w.q, w.k, w.v);
  if (pass.rotates()) pass.rotate();
  pass.attend();
  pass.add_projection(w.attention_output);

  pass.normalise(w.feed_forward_norm, {w.gate, w.up});
  pass.add_feed_forward(w.gate, w.up, w.down);
}

// Layers are rotated where no_rope_layers holds 1 (its name says the opposite); without it all but each
// no_rope_layer_interval-th.
void smollm3_configure(Keys& keys, ModelConfig& c) {
  constexpr Key list = {"", "no_rope_layers"}, interval = {"", "no_rope_layer_interval"};
  constexpr Key window = {"attention.sliding_window", "use_sliding_window"};
  std::vector<bool> rotated;
  if (const auto stated = keys.integers(list)) {
    if (std::ssize(*stated) != c.layers)
      return keys.refuse(list, fmt::format("holds {} numbers for {} layers", stated->size(), c.layers));
    for (std::int64_t number : *stated) {
      if (number != 0 && number != 1)
        return keys.refuse(list, fmt::format("holds {}, neither 0 nor 1", number));
      rotated.push_back(number == 1);
    }
  } else {
    const std::int64_t step = keys.integer(interval).value_or(4);
    if (step < 1) return keys.refuse(interval, fmt::format("is {}, less than 1", step));
    for (std::int64_t layer = 1; layer <= c.layers; ++layer) rotated.push_back(layer % step != 0);
  }
  if (std::ranges::find(rotated, false) == rotated.end()) rotated.clear();
  c.rotated_layers = std::move(rotated);
  // It would hold in the layers without positions alone.
  if (c.sliding_window > 0 || keys.flag(window).value_or(false))
    keys.refuse(window, "asks for a sliding window, which is not supported");
}

}  // namespace

constinit const Architecture kSmollm3 = {.name = "smollm3",
                                         .model_types = kSmollm3Types,
                                         .gguf_layout = RopeLayout::interleaved,
                                         .tensors = kSmollm3Tensors,
                                         .layer = smollm3_layer,
                                         .configure = smollm3_configure};

}  // namespace verbatim
