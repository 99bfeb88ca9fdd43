#include "load/gguf_model.h"

#include "load/check_tensors.h"
#include "load/gguf_keys.h"
#include "load/mapped_file.h"
#include "model/architecture.h"

namespace verbatim {
namespace {

constexpr std::string_view kFrequencyFactors = "rope_freqs.weight";

// Keys that change the arithmetic in a way that is not supported, unless they hold the neutral value.
struct NeutralOnly {
  std::string_view key;
  double neutral;
};
constexpr NeutralOnly kNeutralOnly[] = {
    {"expert_count", 0},
    {"expert_used_count", 0},
    {"attention.sliding_window_pattern", 1},
    {"attention.scale", 0},
    {"attention.clamp_kqv", 0},
    {"attention.max_alibi_bias", 0},
    {"attn_logit_softcapping", 0},
    {"final_logit_softcapping", 0},
    {"logit_scale", 0},
    {"residual_scale", 0},
    {"embedding_scale", 0},
    {"rope.scaling.attn_factor", 1},
    {"rope.scaling.yarn_attn_factor", 1},
    {"rope.scaling.yarn_ext_factor", 1},
    {"rope.scaling.yarn_log_multiplier", 0},
};

spec::RopeScaling rope_scaling(GgufKeys& keys, const GgufFile& file, const std::string& prefix) {
  spec::RopeScaling scaling;
  if (auto type = keys.string(prefix + "rope.scaling.type")) {
    if (*type == "linear") {
      scaling.kind = spec::RopeScalingKind::linear;
    } else if (*type == "yarn") {
      scaling.kind = spec::RopeScalingKind::yarn;
    } else if (*type != "none") {
      keys.refuse(fail(
          "{}: {}rope.scaling.type '{}' is not supported (supported: none, linear, yarn, and llama3 by {})",
          file.path, prefix, *type, kFrequencyFactors));
    }
    scaling.factor = keys.real(prefix + "rope.scaling.factor").value_or(1);
  } else if (auto factor = keys.real(prefix + "rope.scale_linear")) {
    // The key of files older than rope.scaling.type.
    scaling.kind = spec::RopeScalingKind::linear;
    scaling.factor = *factor;
  }
  // A factor of zero is how some writers say "none".
  if (scaling.factor == 0) scaling.factor = 1;
  if (scaling.kind == spec::RopeScalingKind::linear && scaling.factor == 1)
    scaling.kind = spec::RopeScalingKind::none;
  scaling.original_context = keys.real(prefix + "rope.scaling.original_context_length").value_or(0);
  scaling.beta_fast = keys.real(prefix + "rope.scaling.yarn_beta_fast").value_or(scaling.beta_fast);
  scaling.beta_slow = keys.real(prefix + "rope.scaling.yarn_beta_slow").value_or(scaling.beta_slow);

  if (auto it = file.tensors.find(kFrequencyFactors); it != file.tensors.end()) {
    if (scaling.kind != spec::RopeScalingKind::none) {
      keys.refuse(fail("{}: tensor '{}' beside {}rope.scaling.type is not supported", file.path,
                       kFrequencyFactors, prefix));
    }
    const CheckpointTensor& tensor = it->second;
    if (tensor.rows != 1 || tensor.columns > 1 << 12) {
      keys.refuse(fail("{}: tensor '{}' is not a vector of half a head", file.path, kFrequencyFactors));
    } else {
      scaling.frequency_factors.resize(static_cast<std::size_t>(tensor.columns));
      tensor.read_row(0, scaling.frequency_factors.data());
    }
  }
  return scaling;
}

// The vocabulary's size is the number of rows of the embedding; the keys that also state it must agree.
std::int64_t vocab_size(GgufKeys& keys, const GgufFile& file, const std::string& prefix) {
  auto it = file.tensors.find("token_embd.weight");
  if (it == file.tensors.end()) {
    keys.refuse(fail("{}: tensor 'token_embd.weight' is missing", file.path));
    return 0;
  }
  std::int64_t rows = it->second.rows;
  std::int64_t stated = keys.integer(prefix + "vocab_size").value_or(rows);
  if (stated != rows) {
    keys.refuse(fail("{}: key '{}vocab_size' is {}, but token_embd.weight has {} rows", file.path, prefix,
                     stated, rows));
  }
  return rows;
}

// The keys below an architecture's name.
class GgufFamilyKeys final : public Keys {
 public:
  GgufFamilyKeys(GgufKeys& keys, const GgufFile& file, std::string prefix)
      : keys_(keys), path_(file.path), prefix_(std::move(prefix)) {}

  std::optional<std::int64_t> integer(Key key) override {
    return key.gguf.empty() ? std::nullopt : keys_.integer(full(key));
  }
  std::optional<bool> flag(Key key) override {
    return key.gguf.empty() ? std::nullopt : keys_.flag(full(key));
  }
  std::optional<std::vector<std::int64_t>> integers(Key key) override {
    return key.gguf.empty() ? std::nullopt : keys_.integers(full(key));
  }
  void refuse(Key key, std::string_view complaint) override {
    keys_.refuse(fail("{}: key '{}' {}", path_, full(key), complaint));
  }

 private:
  std::string full(Key key) const { return prefix_ + std::string(key.gguf); }

  GgufKeys& keys_;
  const std::string& path_;
  const std::string prefix_;
};

}  // namespace

Result<ModelConfig> gguf_config(const GgufFile& file) {
  GgufKeys keys(file);
  std::string name(keys.string("general.architecture").value_or(""));
  if (!keys.ok()) return keys.status().error();
  const Architecture* architecture = find_architecture(name);
  if (architecture == nullptr) {
    return fail("{}: general.architecture '{}' is not supported (supported: {})", file.path, name,
                supported_architectures());
  }
  if (keys.integer("split.count").value_or(1) > 1) {
    return fail("{}: key 'split.count': models split over several files are not supported; join them first",
                file.path);
  }
  std::string prefix = name + ".";
  ModelConfig c;
  c.architecture = name;
  c.rope_layout = architecture->gguf_layout;
  c.layers = keys.required_integer(prefix + "block_count");
  c.dim = keys.required_integer(prefix + "embedding_length");
  c.hidden_dim = keys.integer_of_layers(prefix + "feed_forward_length").value_or(0);
  c.heads = keys.integer_of_layers(prefix + "attention.head_count").value_or(0);
  c.kv_heads = keys.has(prefix + "attention.head_count_kv")
                   ? keys.integer_of_layers(prefix + "attention.head_count_kv").value_or(0)
                   : c.heads;
  c.head_dim = keys.integer(prefix + "attention.key_length").value_or(c.heads > 0 ? c.dim / c.heads : 0);
  c.rope_dim = keys.integer(prefix + "rope.dimension_count").value_or(c.head_dim);
  c.context_length = keys.required_integer(prefix + "context_length");
  c.sliding_window = keys.integer(prefix + "attention.sliding_window").value_or(0);
  c.norm_epsilon = static_cast<float>(keys.required_real(prefix + "attention.layer_norm_rms_epsilon"));
  c.rope_theta = keys.real(prefix + "rope.freq_base").value_or(10000);
  c.vocab_size = vocab_size(keys, file, prefix);
  c.tied_embeddings = !file.tensors.contains("output.weight");
  if (keys.integer(prefix + "attention.value_length").value_or(c.head_dim) != c.head_dim) {
    keys.refuse(fail("{}: key '{}attention.value_length' differs from the length of keys, {}: not supported",
                     file.path, prefix, c.head_dim));
  }
  for (const NeutralOnly& only : kNeutralOnly) {
    std::string key = prefix + std::string(only.key);
    if (double value = keys.real(key).value_or(only.neutral); value != only.neutral) {
      keys.refuse(fail("{}: key '{}' = {} is not supported", file.path, key, value));
    }
  }
  c.rope_scaling = rope_scaling(keys, file, prefix);
  if (!keys.ok()) return keys.status().error();
  if (Status status = check_config(c, file.path); !status.ok()) return status.error();
  GgufFamilyKeys family(keys, file, prefix);
  if (architecture->configure != nullptr) architecture->configure(family, c);
  if (!keys.ok()) return keys.status().error();
  return c;
}

// llama.cpp's keys (src/llama-arch.cpp, LLM_KV_GENERAL_SAMPLING_*).
Result<SamplingDefaults> gguf_sampling(const GgufFile& file) {
  GgufKeys keys(file);
  SamplingDefaults sampling{keys.real("general.sampling.temp"), keys.real("general.sampling.top_p"),
                            keys.real("general.sampling.min_p"), keys.real("general.sampling.penalty_repeat"),
                            keys.integer("general.sampling.top_k")};
  if (!keys.ok()) return keys.status().error();
  return sampling;
}

Result<Checkpoint> gguf_checkpoint(const GgufFile& file) {
  Checkpoint out;
  out.path = file.path;
  out.format = fmt::format("GGUF v{}", file.version);
  for (const std::string& key : file.key_order) out.metadata.emplace_back(key, file.find(key)->printable());
  Result<TokenizerData> tokenizer = gguf_tokenizer(file);
  if (!tokenizer) return tokenizer.error();
  out.tokenizer = *std::move(tokenizer);
  if (file.tensors.empty()) return out;  // a vocabulary

  Result<ModelConfig> config = gguf_config(file);
  if (!config) return config.error();
  out.config = *std::move(config);
  Result<SamplingDefaults> sampling = gguf_sampling(file);
  if (!sampling) return sampling.error();
  out.sampling = *sampling;
  for (const auto& [name, tensor] : file.tensors) {
    if (name != kFrequencyFactors) out.tensors.emplace(name, tensor);  // those are in the config now
  }
  if (Status status = check_tensors(out); !status.ok()) return status.error();
  return out;
}

Result<Checkpoint> open_gguf(const std::string& path) {
  Result<std::shared_ptr<const MappedFile>> mapping = MappedFile::open(path);
  if (!mapping) return mapping.error();
  Result<GgufFile> file = read_gguf((*mapping)->bytes(), path);
  if (!file) return file.error();
  Result<Checkpoint> out = gguf_checkpoint(*file);
  if (!out) return out;
  const FileHeader header[] = {{**mapping, file->data_offset}};
  out->identity = identity_of(header);
  out->permissions = (*mapping)->permissions();
  out->files.push_back(*std::move(mapping));
  return out;
}

Result<Checkpoint> open_gguf(std::span<const std::byte> bytes, const std::string& name) {
  Result<GgufFile> file = read_gguf(bytes, name);
  if (!file) return file.error();
  return gguf_checkpoint(*file);
}

}  // namespace verbatim
