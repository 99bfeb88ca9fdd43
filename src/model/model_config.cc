#include "model/model_config.h"

#include <cmath>

namespace verbatim {
namespace {

// Whether the tables of rotations (spec/rope.h) can be made at every position of the context.
Status check_rotation(const ModelConfig& c, std::string_view where) {
  const spec::RopeScaling& s = c.rope_scaling;
  auto pairs = static_cast<std::size_t>(c.head_dim / 2);
  if (!s.frequency_factors.empty() && s.frequency_factors.size() != pairs) {
    return fail("{}: tensor 'rope_freqs.weight' has {} elements, but half a head has {}", where,
                s.frequency_factors.size(), pairs);
  }
  const auto last = static_cast<double>(c.context_length - 1);
  for (double frequency : spec::rope_frequencies(c.head_dim, c.rope_theta, s)) {
    if (!(std::fabs(last * frequency) <= spec::kLargestAngle)) {  // a NaN is refused too
      return fail(
          "{}: the rope base (rope.freq_base, rope_theta) {} with its scaling (factor {}) turns a pair by {} "
          "a position, past 2^30 within "
          "the "
          "context length {}",
          where, c.rope_theta, s.factor, frequency, c.context_length);
    }
  }
  auto scale = static_cast<float>(spec::rope_mscale(s));
  if (!(std::isfinite(scale) && scale > 0))
    return fail("{}: the rope scaling multiplies by {}", where, scale);
  return {};
}

}  // namespace

Status check_config(const ModelConfig& c, std::string_view where) {
  struct Bound {
    std::string_view name;  // with the keys of GGUF, behind the architecture's name, and of config.json
    std::int64_t value, most;
  };
  // Far above any model, low enough that no product below overflows.
  const Bound bounds[] = {
      {"number of layers (block_count, num_hidden_layers)", c.layers, 4096},
      {"embedding length (embedding_length, hidden_size)", c.dim, 1 << 20},
      {"feed-forward length (feed_forward_length, intermediate_size)", c.hidden_dim, 1 << 22},
      {"number of heads (attention.head_count, num_attention_heads)", c.heads, 1 << 14},
      {"number of key-value heads (attention.head_count_kv, num_key_value_heads)", c.kv_heads, 1 << 14},
      {"head dimension (attention.key_length, head_dim)", c.head_dim, 1 << 10},  // kv_store.cc
      {"vocabulary size (vocab_size)", c.vocab_size,
       (1 << 23) - 1},  // weights below 2^41 sum to less than 2^63
      {"context length (context_length, max_position_embeddings)", c.context_length, std::int64_t{1} << 31},
  };
  for (const Bound& b : bounds) {
    if (b.value < 1 || b.value > b.most)
      return fail("{}: the {} is {}, not in [1, {}]", where, b.name, b.value, b.most);
  }
  if (c.heads % c.kv_heads != 0) {
    return fail("{}: {} heads cannot be shared evenly by {} key-value heads", where, c.heads, c.kv_heads);
  }
  if (c.head_dim % 2 != 0)
    return fail("{}: the head dimension (attention.key_length, head_dim) {} is odd: it cannot be rotated",
                where, c.head_dim);
  if (c.rope_dim != c.head_dim) {
    return fail("{}: rotating {} of {} dimensions of a head (partial rotary) is not supported", where,
                c.rope_dim, c.head_dim);
  }
  if (!c.rotated_layers.empty() && std::ssize(c.rotated_layers) != c.layers) {
    return fail("{}: which layers are rotated is said of {} layers, not of {}", where,
                c.rotated_layers.size(), c.layers);
  }
  if (c.sliding_window < 0)
    return fail("{}: the sliding window (attention.sliding_window, sliding_window) is {}", where,
                c.sliding_window);
  if (!(std::isfinite(c.norm_epsilon) && c.norm_epsilon > 0)) {
    return fail("{}: the norm epsilon (attention.layer_norm_rms_epsilon, rms_norm_eps) is {}", where,
                c.norm_epsilon);
  }
  if (!(std::isfinite(c.rope_theta) && c.rope_theta > 0))
    return fail("{}: the rope base (rope.freq_base, rope_theta) is {}", where, c.rope_theta);
  const spec::RopeScaling& s = c.rope_scaling;
  if (!(std::isfinite(s.factor) && s.factor > 0))
    return fail("{}: the rope scaling factor (rope.scaling.factor, rope_scaling.factor) is {}", where,
                s.factor);
  bool needs_context = s.kind == spec::RopeScalingKind::yarn ||
                       (s.kind == spec::RopeScalingKind::llama3 && s.frequency_factors.empty());
  if (needs_context && !(std::isfinite(s.original_context) && s.original_context >= 1)) {
    return fail(
        "{}: this rope scaling needs the original context length (rope.scaling.original_context_length, "
        "rope_scaling.original_max_position_embeddings), which is {}",
        where, s.original_context);
  }
  if (s.kind == spec::RopeScalingKind::llama3 &&
      !(s.low_freq_factor > 0 && s.high_freq_factor > s.low_freq_factor &&
        std::isfinite(s.high_freq_factor))) {
    return fail("{}: the llama3 rope scaling has low_freq_factor {} and high_freq_factor {}", where,
                s.low_freq_factor, s.high_freq_factor);
  }
  if (s.kind == spec::RopeScalingKind::yarn &&
      !(s.beta_slow > 0 && s.beta_fast > s.beta_slow && std::isfinite(s.beta_fast) &&
        std::isfinite(s.attention_factor.value_or(1)) && s.attention_factor.value_or(1) > 0)) {
    return fail("{}: the yarn rope scaling has beta_fast {}, beta_slow {} and attention factor {}", where,
                s.beta_fast, s.beta_slow, s.attention_factor.value_or(1));
  }
  for (float factor : s.frequency_factors) {
    if (!(std::isfinite(factor) && factor > 0))
      return fail("{}: a rope frequency factor (rope_freqs.weight) is {}", where, factor);
  }
  return check_rotation(c, where);
}

}  // namespace verbatim
