#include "engine/fingerprint.h"

#include <bit>
#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/sha256.h"

namespace verbatim {
namespace {

// Each value is preceded by its length and each list by its count, so that no two different sequences of values
// give the same bytes. Structures are taken apart by structured bindings, which name every field: a field that
// is added to one does not compile until it is dealt with here.
class PartsDigest {
 public:
  void add(std::string_view bytes) {
    sha_.update(fmt::format("{}:", bytes.size()));
    sha_.update(bytes);
  }

  template <typename T>
  requires std::integral<T> || std::is_enum_v<T>
  void add(T value) { add(std::string_view(fmt::format("{}", static_cast<long long>(value)))); }

  void add(float value) { add(std::bit_cast<std::uint32_t>(value)); }

  template <typename T>
  void add(const std::optional<T>& value) {
    add(value.has_value());
    if (value) add(*value);
  }

  template <typename A, typename B>
  void add(const std::pair<A, B>& value) {
    add_all(value.first, value.second);
  }

  template <typename T>
  void add(const std::vector<T>& values) {
    add(values.size());
    for (const T& value : values) add(value);
  }

  void add(const TokenizerData::Added& token) {
    const auto& [id, special, lstrip, rstrip, normalized] = token;
    add_all(id, special, lstrip, rstrip, normalized);
  }

  void add(const TokenizerData& data) {
    const auto& [kind, tokens, scores, types, merges, pre_tokenizer, pre_regex, normalizer, ignore_merges,
                 bos, eos, unk, pad, stop_ids, add_bos, add_eos, add_space_prefix, space_prefix_first_only,
                 space_prefix_unless_present, remove_extra_whitespaces, chat_template, added, notes] = data;
    add_all(kind, tokens, scores, types, merges, pre_tokenizer, pre_regex, normalizer, ignore_merges, bos,
            eos, unk, pad, stop_ids, add_bos, add_eos, add_space_prefix, space_prefix_first_only,
            space_prefix_unless_present, remove_extra_whitespaces, chat_template,
            added);  // notes decide nothing
  }

  void add(const ModelOptions& widths) {
    const auto& [activations, kv] = widths;
    add_all(limbs_of(activations), limbs_of(kv));
  }

  void add(const SamplingParams& params) {
    const auto& [temperature, top_k, top_p, min_p, repetition, frequency, presence, logit_bias, seed] =
        params;
    add_all(temperature, top_k, top_p, min_p, repetition, frequency, presence, logit_bias, seed);
  }

  void add(const AnswerSettings& settings) {
    const auto& [widths, sampling, date, context, backend, text_version, pattern_tables] = settings;
    add_all(widths, sampling, date, context, backend, text_version, pattern_tables);
  }

  std::string hex() { return sha_.hex(); }

 private:
  template <typename... T>
  void add_all(const T&... values) {
    (add(values), ...);
  }

  Sha256 sha_;
};

}  // namespace

std::string fingerprint_of(const std::string& weights, const TokenizerData& tokenizer,
                           const AnswerSettings& settings) {
  PartsDigest digest;
  digest.add(weights);
  digest.add(tokenizer);
  digest.add(settings);
  return digest.hex();
}

}  // namespace verbatim
