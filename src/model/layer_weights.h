// LayerWeights: the weights of one layer, found and of the right shape (bind.h).
#pragma once

#include "model/place.h"
#include "ops/panels.h"

namespace verbatim {

// A linear layer: a matrix and, in some architectures, a bias.
struct Projection {
  const PackedMatrix* w = nullptr;
  const float* bias = nullptr;  // (n) or nullptr
};

// An RMS norm before a quantisation, and where it stands.
struct Norm {
  const float* gain = nullptr;  // (dim)
  Place place;
};

// Pointers into ModelWeights; nullptr where the architecture has no such tensor.
struct LayerWeights {
  Norm attention_norm{nullptr, Place::attention_input};
  Projection q, k, v;             // (heads * head_dim, dim), (kv_heads * head_dim, dim) twice
  const float* q_norm = nullptr;  // (head_dim)
  const float* k_norm = nullptr;  // (head_dim)
  Projection attention_output;    // (dim, heads * head_dim)
  Norm feed_forward_norm{nullptr, Place::feed_forward_input};
  Projection gate, up;  // (hidden_dim, dim)
  Projection down;      // (dim, hidden_dim)
};

}  // namespace verbatim
