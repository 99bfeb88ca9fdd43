#include "load/gguf_metadata.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "load/end_of_turn.h"
#include "load/gguf_model.h"
#include "model/architecture.h"

namespace verbatim {
namespace {

std::uint32_t u32(std::int64_t value) { return static_cast<std::uint32_t>(value); }

// GGUF's habit is float32; what that would round is written as float64.
GgufDatum real(double value) {
  auto narrow = static_cast<float>(value);
  return static_cast<double>(narrow) == value ? GgufDatum(narrow) : GgufDatum(value);
}

void add_scaling(const spec::RopeScaling& scaling, const std::string& prefix, GgufMetadata& out) {
  using enum spec::RopeScalingKind;
  if (scaling.kind != linear && scaling.kind != yarn) return;
  out.emplace_back(prefix + "type", std::string(scaling.kind == yarn ? "yarn" : "linear"));
  out.emplace_back(prefix + "factor", real(scaling.factor));
  if (scaling.kind == linear) return;
  out.emplace_back(prefix + "original_context_length", u32(std::llround(scaling.original_context)));
  out.emplace_back(prefix + "yarn_beta_fast", real(scaling.beta_fast));
  out.emplace_back(prefix + "yarn_beta_slow", real(scaling.beta_slow));
}

// The tokens that a reader takes for stops without being told: see gguf_tokenizer.
std::set<std::int32_t> implied_stops(const TokenizerData& data) {
  std::set<std::int32_t> stops;
  if (data.eos) stops.insert(*data.eos);
  for (std::int32_t id : ends_by_spelling(data)) stops.insert(id);
  return stops;
}

Status check_vocabulary(const TokenizerData& data, std::string_view where) {
  CHECK(data.pre_regex.empty(), "{}: split patterns must have been given a name", where);
  if (data.kind == TokenizerKind::spm && !data.merges.empty()) {
    return fail("{}: a SentencePiece vocabulary of tokenizer.json ranks merges, which GGUF cannot state",
                where);
  }
  for (const TokenizerData::Added& added : data.added) {
    if (added.lstrip || added.rstrip) {
      return fail("{}: added token '{}' swallows spaces (lstrip, rstrip), which GGUF cannot state", where,
                  data.tokens[static_cast<std::size_t>(added.id)]);
    }
  }
  return {};
}

}  // namespace

Result<GgufMetadata> config_metadata(const ModelConfig& c, std::string_view where) {
  if (c.rope_scaling.attention_factor) {
    return fail("{}: rope scaling has its own attention_factor, which GGUF cannot state", where);
  }
  if (implied_by_gguf(c).rotated_layers != c.rotated_layers) {
    return fail(
        "{}: its layers without rotation (no_rope_layers) are not those of every {} model, which GGUF cannot "
        "state",
        where, c.architecture);
  }
  std::string p = c.architecture + ".";
  GgufMetadata out = {{"general.architecture", c.architecture},
                      {p + "vocab_size", u32(c.vocab_size)},
                      {p + "context_length", u32(c.context_length)},
                      {p + "embedding_length", u32(c.dim)},
                      {p + "block_count", u32(c.layers)},
                      {p + "feed_forward_length", u32(c.hidden_dim)},
                      {p + "attention.head_count", u32(c.heads)},
                      {p + "attention.head_count_kv", u32(c.kv_heads)},
                      {p + "attention.key_length", u32(c.head_dim)},
                      {p + "attention.value_length", u32(c.head_dim)},
                      {p + "attention.layer_norm_rms_epsilon", c.norm_epsilon},
                      {p + "rope.dimension_count", u32(c.rope_dim)},
                      {p + "rope.freq_base", real(c.rope_theta)}};
  if (c.sliding_window > 0) out.emplace_back(p + "attention.sliding_window", u32(c.sliding_window));
  add_scaling(c.rope_scaling, p + "rope.scaling.", out);
  return out;
}

std::vector<float> frequency_factors(const ModelConfig& c) {
  if (c.rope_scaling.kind != spec::RopeScalingKind::llama3) return c.rope_scaling.frequency_factors;
  std::vector<double> plain = spec::rope_frequencies(c.head_dim, c.rope_theta, {});
  std::vector<double> scaled = spec::rope_frequencies(c.head_dim, c.rope_theta, c.rope_scaling);
  std::vector<float> factors;
  for (std::size_t i = 0; i < plain.size(); ++i) factors.push_back(static_cast<float>(plain[i] / scaled[i]));
  return factors;
}

Result<GgufMetadata> tokenizer_metadata(const TokenizerData& data, std::string_view where) {
  GgufMetadata out;
  if (data.kind == TokenizerKind::none) return out;
  if (Status status = check_vocabulary(data, where); !status) return status.error();
  const std::string p = "tokenizer.ggml.";
  bool spm = data.kind == TokenizerKind::spm;
  out.emplace_back(p + "model", std::string(spm ? "llama" : "gpt2"));
  if (!data.pre_tokenizer.empty()) out.emplace_back(p + "pre", data.pre_tokenizer);
  out.emplace_back(p + "tokens", data.tokens);
  std::vector<std::int32_t> types;
  for (TokenType type : data.types) types.push_back(static_cast<std::int32_t>(type));
  out.emplace_back(p + "token_type", std::move(types));
  if (spm) {
    out.emplace_back(p + "scores", data.scores);
    out.emplace_back(p + "add_space_prefix", data.add_space_prefix);
    out.emplace_back(p + "remove_extra_whitespaces", data.remove_extra_whitespaces);
  } else {
    std::vector<std::string> merges;
    for (const auto& [left, right] : data.merges) merges.push_back(left + " " + right);
    out.emplace_back(p + "merges", std::move(merges));
  }
  auto id = [&](const char* key, std::optional<std::int32_t> value) {
    if (value) out.emplace_back(p + key, u32(*value));
  };
  id("bos_token_id", data.bos);
  id("eos_token_id", data.eos);
  id("unknown_token_id", data.unk);
  id("padding_token_id", data.pad);
  if (data.add_bos) out.emplace_back(p + "add_bos_token", *data.add_bos);
  out.emplace_back(p + "add_eos_token", data.add_eos);
  if (implied_stops(data) != std::set<std::int32_t>(data.stop_ids.begin(), data.stop_ids.end()))
    out.emplace_back(std::string(kStopTokensKey), data.stop_ids);
  if (!data.chat_template.empty()) out.emplace_back("tokenizer.chat_template", data.chat_template);
  return out;
}

}  // namespace verbatim
