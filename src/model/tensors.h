// The tensors that most families have, under the names that most give them.
#pragma once

#include "model/architecture.h"

namespace verbatim::tensors {

using enum Extent;
using W = LayerWeights;

inline constexpr TensorRule attention_norm = {"attn_norm.weight", "input_layernorm.weight", one, dim,
                                              &W::attention_norm};
inline constexpr TensorRule q = {"attn_q.weight", "self_attn.q_proj.weight", queries, dim, &W::q, true};
inline constexpr TensorRule k = {"attn_k.weight", "self_attn.k_proj.weight", keys, dim, &W::k, true};
inline constexpr TensorRule v = {"attn_v.weight", "self_attn.v_proj.weight", keys, dim, &W::v};
inline constexpr TensorRule q_bias = {"attn_q.bias", "self_attn.q_proj.bias", one, queries, &W::q, true};
inline constexpr TensorRule k_bias = {"attn_k.bias", "self_attn.k_proj.bias", one, keys, &W::k, true};
inline constexpr TensorRule v_bias = {"attn_v.bias", "self_attn.v_proj.bias", one, keys, &W::v};
inline constexpr TensorRule q_norm = {"attn_q_norm.weight", "self_attn.q_norm.weight", one, head, &W::q_norm};
inline constexpr TensorRule k_norm = {"attn_k_norm.weight", "self_attn.k_norm.weight", one, head, &W::k_norm};
inline constexpr TensorRule attention_output = {"attn_output.weight", "self_attn.o_proj.weight", dim, queries,
                                                &W::attention_output};
inline constexpr TensorRule feed_forward_norm = {"ffn_norm.weight", "post_attention_layernorm.weight", one,
                                                 dim, &W::feed_forward_norm};
inline constexpr TensorRule gate = {"ffn_gate.weight", "mlp.gate_proj.weight", hidden, dim, &W::gate};
inline constexpr TensorRule up = {"ffn_up.weight", "mlp.up_proj.weight", hidden, dim, &W::up};
inline constexpr TensorRule down = {"ffn_down.weight", "mlp.down_proj.weight", dim, hidden, &W::down};

}  // namespace verbatim::tensors
