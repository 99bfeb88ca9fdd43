#include "load/hf_config.h"

#include <algorithm>

#include "model/architecture.h"

namespace verbatim {
namespace {

// Keys that must have this value, or be absent, because another one changes the arithmetic.
struct OnlyValue {
  std::string_view key;
  Json value;
};
const std::vector<OnlyValue>& only_values() {
  static const std::vector<OnlyValue> values = {
      {"hidden_act", "silu"},    {"mlp_bias", false},           {"partial_rotary_factor", 1.0},
      {"attention_bias", false}, {"attention_multiplier", 1.0}, {"rope_interleaved", false},
  };
  return values;
}

void refuse_unsupported(JsonKeys& keys) {
  for (const OnlyValue& only : only_values()) {
    const Json* value = keys.find(only.key);
    if (value != nullptr && *value != only.value) {
      keys.refuse(only.key, fmt::format("is {}, which is not supported (supported: {})", value->dump(),
                                        only.value.dump()));
    }
  }
  if (keys.find("quantization_config") != nullptr) {
    keys.refuse("quantization_config", "is present: quantised Hugging Face weights are not supported");
  }
}

struct RopeType {
  std::string_view name;
  spec::RopeScalingKind kind;
};
constexpr RopeType kRopeTypes[] = {{"default", spec::RopeScalingKind::none},
                                   {"linear", spec::RopeScalingKind::linear},
                                   {"llama3", spec::RopeScalingKind::llama3},
                                   {"yarn", spec::RopeScalingKind::yarn}};

// rope_scaling (version 4) or rope_parameters (version 5), whose keys are the same but for rope_theta.
void read_rope(JsonKeys& rope, ModelConfig& c) {
  c.rope_theta = rope.real("rope_theta").value_or(c.rope_theta);
  spec::RopeScaling& s = c.rope_scaling;
  std::optional<std::string> name = rope.string("rope_type");
  if (!name) name = rope.string("type");  // the older key
  const RopeType* type = std::ranges::find(kRopeTypes, name.value_or("default"), &RopeType::name);
  if (type == std::end(kRopeTypes)) {
    rope.refuse(
        "rope_type",
        fmt::format("is '{}', which is not supported (supported: default, linear, llama3, yarn)", *name));
    return;
  }
  s.kind = type->kind;
  if (double part = rope.real("partial_rotary_factor").value_or(1); part != 1) {
    rope.refuse("partial_rotary_factor", fmt::format("is {}, which is not supported", part));
  }
  if (s.kind == spec::RopeScalingKind::none) return;
  s.factor = rope.required_real("factor");
  if (s.kind == spec::RopeScalingKind::linear) return;
  if (s.kind == spec::RopeScalingKind::llama3) {
    s.original_context = rope.required_real("original_max_position_embeddings");
    s.low_freq_factor = rope.required_real("low_freq_factor");
    s.high_freq_factor = rope.required_real("high_freq_factor");
    return;
  }
  s.original_context =
      rope.real("original_max_position_embeddings").value_or(static_cast<double>(c.context_length));
  s.beta_fast = rope.real("beta_fast").value_or(s.beta_fast);
  s.beta_slow = rope.real("beta_slow").value_or(s.beta_slow);
  s.attention_factor = rope.real("attention_factor");
  for (std::string_view key : {"mscale", "mscale_all_dim"}) {
    if (rope.find(key) != nullptr) rope.refuse(key, "is present, which is not supported");
  }
  if (!rope.flag("truncate").value_or(true)) rope.refuse("truncate", "is false, which is not supported");
}

// The window of every layer, 0 for none.
std::int64_t read_window(JsonKeys& keys, const ModelType& model, const Json& config, std::int64_t layers) {
  std::int64_t window =
      keys.integer("sliding_window").value_or(config.contains("sliding_window") ? 0 : model.default_window);
  std::int64_t windowed_layers = layers;  // how many layers have it
  if (model.window == WindowRule::if_enabled) {
    if (!keys.flag("use_sliding_window").value_or(false)) return 0;
    std::int64_t first =
        std::clamp<std::int64_t>(keys.integer("max_window_layers").value_or(layers), 0, layers);
    windowed_layers = layers - first;
  }
  if (const Json* types = keys.array("layer_types"))
    windowed_layers = std::count(types->begin(), types->end(), "sliding_attention");
  if (window == 0 || windowed_layers == 0) return 0;
  if (model.window == WindowRule::none) {
    keys.refuse("sliding_window", fmt::format("is {}, which this architecture does not have", window));
  } else if (windowed_layers != layers) {
    keys.refuse("sliding_window",
                fmt::format("holds for {} of {} layers only, which is not supported (see max_window_layers "
                            "and layer_types)",
                            windowed_layers, layers));
  }
  return window;
}

struct Family {
  const Architecture* architecture = nullptr;  // nullptr: not supported
  const ModelType* type = nullptr;
};

Family family_of(std::string_view model_type) {
  for (const Architecture* architecture : architectures())
    for (const ModelType& type : architecture->model_types)
      if (type.name == model_type) return {architecture, &type};
  return {};
}

std::string supported_model_types() {
  std::string out;
  for (const Architecture* architecture : architectures())
    for (const ModelType& type : architecture->model_types) (out += out.empty() ? "" : ", ") += type.name;
  return out;
}

class JsonFamilyKeys final : public Keys {
 public:
  explicit JsonFamilyKeys(JsonKeys& keys) : keys_(keys) {}

  std::optional<std::int64_t> integer(Key key) override {
    return key.hugging_face.empty() ? std::nullopt : keys_.integer(key.hugging_face);
  }
  std::optional<bool> flag(Key key) override {
    return key.hugging_face.empty() ? std::nullopt : keys_.flag(key.hugging_face);
  }
  std::optional<std::vector<std::int64_t>> integers(Key key) override {
    const Json* list = key.hugging_face.empty() ? nullptr : keys_.array(key.hugging_face);
    if (list == nullptr) return std::nullopt;
    try {
      return integers_of<std::int64_t>(*list);
    } catch (const Json::exception& error) {
      refuse(key, fmt::format("holds more than integers: {}", json_complaint(error)));
      return std::nullopt;
    }
  }
  void refuse(Key key, std::string_view complaint) override { keys_.refuse(key.hugging_face, complaint); }

 private:
  JsonKeys& keys_;
};

}  // namespace

Result<ModelConfig> hugging_face_config(const Json& config, const std::string& where) {
  Status status;
  JsonKeys keys(config, where, "", status);
  std::string name = keys.string("model_type").value_or("");
  if (!status) return status.error();
  const auto [architecture, type] = family_of(name);
  if (architecture == nullptr) {
    return fail("{}: model_type '{}' is not supported (supported: {})", where, name, supported_model_types());
  }
  ModelConfig c;
  c.architecture = architecture->name;
  c.rope_layout = RopeLayout::halves;
  c.layers = keys.required_integer("num_hidden_layers");
  c.dim = keys.required_integer("hidden_size");
  c.hidden_dim = keys.required_integer("intermediate_size");
  c.heads = keys.required_integer("num_attention_heads");
  c.kv_heads = keys.integer("num_key_value_heads").value_or(c.heads);
  c.head_dim = keys.integer("head_dim").value_or(c.heads > 0 ? c.dim / c.heads : 0);
  c.rope_dim = c.head_dim;
  c.vocab_size = keys.required_integer("vocab_size");
  c.context_length = keys.required_integer("max_position_embeddings");
  c.norm_epsilon = static_cast<float>(keys.required_real("rms_norm_eps"));
  c.tied_embeddings = keys.flag("tie_word_embeddings").value_or(type->default_tied);
  c.rope_theta = keys.real("rope_theta").value_or(type->default_theta);
  for (std::string_view key : {"rope_scaling", "rope_parameters"}) {
    if (keys.object(key) == nullptr) continue;
    JsonKeys rope = keys.inside(key);
    read_rope(rope, c);
  }
  c.sliding_window = read_window(keys, *type, config, c.layers);
  refuse_unsupported(keys);
  if (!status) return status.error();
  if (Status valid = check_config(c, where); !valid) return valid.error();
  JsonFamilyKeys family(keys);
  if (architecture->configure != nullptr) architecture->configure(family, c);
  if (!status) return status.error();
  return c;
}

}  // namespace verbatim
