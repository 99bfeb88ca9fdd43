#include "load/config_text.h"

#include <fmt/format.h>

namespace verbatim {

std::string canonical_text(const ModelConfig& c) {
  const spec::RopeScaling& s = c.rope_scaling;
  std::string out = fmt::format(
      "architecture={}\nlayers={}\ndim={}\nhidden_dim={}\nheads={}\nkv_heads={}\nhead_dim={}\nvocab_size={}\n"
      "context_length={}\nsliding_window={}\nnorm_epsilon={:a}\nrope_theta={:a}\nrope_dim={}\nrope_layout={}"
      "\n"
      "tied_embeddings={}\n",
      c.architecture, c.layers, c.dim, c.hidden_dim, c.heads, c.kv_heads, c.head_dim, c.vocab_size,
      c.context_length, c.sliding_window, c.norm_epsilon, c.rope_theta, c.rope_dim,
      static_cast<int>(c.rope_layout), c.tied_embeddings);
  out += fmt::format(
      "rope_scaling={}\nfactor={:a}\noriginal_context={:a}\nlow_freq_factor={:a}\nhigh_freq_factor={:a}"
      "\nbeta_fast={:a}\n"
      "beta_slow={:a}\nattention_factor={}\nfrequency_factors=",
      static_cast<int>(s.kind), s.factor, s.original_context, s.low_freq_factor, s.high_freq_factor,
      s.beta_fast, s.beta_slow, s.attention_factor ? fmt::format("{:a}", *s.attention_factor) : "none");
  for (float factor : s.frequency_factors) out += fmt::format("{:a},", factor);
  return out + "\n";
}

}  // namespace verbatim
