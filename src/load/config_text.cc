#include "load/config_text.h"

#include <fmt/format.h>

namespace verbatim {
namespace {

// Lines of "name=value" for what differs from a default: a field that is new renames no model without it.
class Lines {
 public:
  template <class T>
  void add(std::string_view name, const T& value, const T& usual) {
    if (value == usual) return;
    if constexpr (std::is_floating_point_v<T>) {
      text_ += fmt::format("{}={:a}\n", name, value);
    } else if constexpr (std::is_enum_v<T>) {
      text_ += fmt::format("{}={}\n", name, static_cast<int>(value));
    } else {
      text_ += fmt::format("{}={}\n", name, value);
    }
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string list_of(const std::vector<bool>& values) {
  std::string out;
  for (bool value : values) out += value ? '1' : '0';
  return out;
}

std::string list_of(const std::vector<float>& values) {
  std::string out;
  for (float value : values) out += fmt::format("{:a},", value);
  return out;
}

}  // namespace

std::string canonical_text(const ModelConfig& c) {
  const ModelConfig usual;
  Lines lines;
  lines.add("architecture", c.architecture, usual.architecture);
  lines.add("layers", c.layers, usual.layers);
  lines.add("dim", c.dim, usual.dim);
  lines.add("hidden_dim", c.hidden_dim, usual.hidden_dim);
  lines.add("heads", c.heads, usual.heads);
  lines.add("kv_heads", c.kv_heads, usual.kv_heads);
  lines.add("head_dim", c.head_dim, usual.head_dim);
  lines.add("vocab_size", c.vocab_size, usual.vocab_size);
  lines.add("context_length", c.context_length, usual.context_length);
  lines.add("sliding_window", c.sliding_window, usual.sliding_window);
  lines.add("norm_epsilon", c.norm_epsilon, usual.norm_epsilon);
  lines.add("rope_theta", c.rope_theta, usual.rope_theta);
  lines.add("rope_dim", c.rope_dim, usual.rope_dim);
  lines.add("rope_layout", c.rope_layout, usual.rope_layout);
  lines.add("tied_embeddings", c.tied_embeddings, usual.tied_embeddings);
  lines.add("rotated_layers", list_of(c.rotated_layers), list_of(usual.rotated_layers));
  const spec::RopeScaling &s = c.rope_scaling, &none = usual.rope_scaling;
  lines.add("rope_scaling", s.kind, none.kind);
  lines.add("factor", s.factor, none.factor);
  lines.add("original_context", s.original_context, none.original_context);
  lines.add("low_freq_factor", s.low_freq_factor, none.low_freq_factor);
  lines.add("high_freq_factor", s.high_freq_factor, none.high_freq_factor);
  lines.add("beta_fast", s.beta_fast, none.beta_fast);
  lines.add("beta_slow", s.beta_slow, none.beta_slow);
  const auto shown = [](const std::optional<double>& x) {
    return x ? fmt::format("{:a}", *x) : std::string();
  };
  lines.add("attention_factor", shown(s.attention_factor), shown(none.attention_factor));
  lines.add("frequency_factors", list_of(s.frequency_factors), list_of(none.frequency_factors));
  return std::move(lines).text();
}

}  // namespace verbatim
