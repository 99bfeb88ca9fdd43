#include "engine/loaded_model.h"

#include <algorithm>
#include <iterator>

#include "backend/list.h"
#include "base/sha256.h"
#include "builtin/builtin_models.h"

namespace verbatim {
namespace {

Result<SamplingParams> sampling_of(const Checkpoint& checkpoint, bool model_sampling) {
  SamplingParams params;
  if (!model_sampling) return params;
  const SamplingDefaults& suggested = checkpoint.sampling;
  auto take = [](float& value, const std::optional<double>& suggestion) {
    if (suggestion) value = static_cast<float>(*suggestion);
  };
  take(params.temperature, suggested.temperature);
  take(params.top_p, suggested.top_p);
  take(params.min_p, suggested.min_p);
  take(params.repetition_penalty, suggested.repetition_penalty);
  params.top_k = suggested.top_k.value_or(0);
  if (Status status = check_sampling(params, checkpoint.config.vocab_size); !status)
    return fail("{}: suggests for drawing: {}", checkpoint.path, status.error().message);
  return params;
}

// Everything an answer depends on besides the request: the weights' integers and configuration (which carry
// the contract's version), the tokenizer, the chat template and its date, the widths of activations and cache,
// what drawing starts from, and the backend where it does not keep the contract. Each part is preceded by its length, so that no two different lists of parts
// give the same bytes.
std::string fingerprint_of(const std::string& weights, const LoadedModel& loaded,
                           const ModelOptions& widths) {
  const TokenizerData& tokenizer = loaded.checkpoint.tokenizer;
  Sha256 sha;
  auto part = [&](std::string_view bytes) {
    sha.update(fmt::format("{}:", bytes.size()));
    sha.update(bytes);
  };
  auto flag = [&](auto value) { part(fmt::format("{}", static_cast<long long>(value))); };
  auto id = [&](const std::optional<std::int32_t>& value) { flag(value.value_or(-1)); };

  part(weights);
  flag(widths.activation_limbs);
  flag(widths.kv_limbs);
  flag(tokenizer.kind);
  flag(tokenizer.tokens.size());
  for (const std::string& token : tokenizer.tokens) part(token);
  for (float score : tokenizer.scores) part({reinterpret_cast<const char*>(&score), sizeof score});
  for (TokenType type : tokenizer.types) flag(type);
  flag(tokenizer.merges.size());
  for (const auto& [left, right] : tokenizer.merges) part(left), part(right);
  part(tokenizer.pre_tokenizer);
  flag(tokenizer.pre_regex.size());
  for (const std::string& pattern : tokenizer.pre_regex) part(pattern);
  part(tokenizer.normalizer);
  id(tokenizer.bos), id(tokenizer.eos), id(tokenizer.unk), id(tokenizer.pad);
  for (std::int32_t stop : tokenizer.stop_ids) flag(stop);
  flag(tokenizer.add_bos ? *tokenizer.add_bos : -1);
  flag(tokenizer.ignore_merges), flag(tokenizer.add_eos), flag(tokenizer.add_space_prefix);
  flag(tokenizer.space_prefix_first_only), flag(tokenizer.space_prefix_unless_present);
  flag(tokenizer.remove_extra_whitespaces);
  for (const TokenizerData::Added& added : tokenizer.added) {
    flag(added.id), flag(added.special), flag(added.lstrip), flag(added.rstrip);
  }
  part(tokenizer.chat_template);
  part(loaded.date);
  // A context that somebody chose ends answers; the model's own is in its configuration.
  if (loaded.context != loaded.checkpoint.config.context_length) flag(loaded.context);
  const SamplingParams& s = loaded.sampling;
  for (float value : {s.temperature, s.top_p, s.min_p, s.repetition_penalty}) part(fmt::format("{}", value));
  flag(s.top_k);
  if (!keeps_contract(*loaded.backend)) part(loaded.backend->name());
  return sha.hex();
}

}  // namespace

Result<std::unique_ptr<LoadedModel>> load_model(const ModelChoice& choice) {
  auto loaded = std::make_unique<LoadedModel>();

  auto backend = make_backend(choice.backend, choice.threads);
  if (!backend) return backend.error();
  loaded->backend = *std::move(backend);
  bool conventional = !keeps_contract(*loaded->backend);
  if (conventional && (choice.widths.activation_limbs != 2 || choice.widths.kv_limbs != 2))
    return fail("backend 'conventional' computes in bf16: leave activations and kv at 16 bits");

  auto checkpoint = open_by_name(choice.path);
  if (!checkpoint) return checkpoint.error();
  loaded->checkpoint = *std::move(checkpoint);
  if (loaded->checkpoint.config.architecture.empty()) {
    return fail("{}: holds a vocabulary and no model; it serves `verbatim tokenize` only", choice.path);
  }

  if (choice.chat_template) loaded->checkpoint.tokenizer.chat_template = *choice.chat_template;
  loaded->date = choice.date;
  const std::int64_t own_context = loaded->checkpoint.config.context_length;
  if (choice.max_model_len > own_context)
    return fail("max_model_len is {}, more than the model's context of {} tokens", choice.max_model_len,
                own_context);
  loaded->context = choice.max_model_len > 0 ? choice.max_model_len : own_context;
  auto sampling = sampling_of(loaded->checkpoint, choice.model_sampling);
  if (!sampling) return sampling.error();
  loaded->sampling = *std::move(sampling);

  auto tokenizer = Tokenizer::create(loaded->checkpoint.tokenizer);
  if (!tokenizer) return fail("{}: {}", choice.path, tokenizer.error().message);
  loaded->tokenizer = std::make_unique<Tokenizer>(*std::move(tokenizer));

  ThreadPool pool(choice.threads);
  auto weights = load_weights(loaded->checkpoint, choice.load, pool);
  if (!weights) return weights.error();
  loaded->tensors = weights->weights.report;
  loaded->notes = loaded->checkpoint.tokenizer.notes;
  std::ranges::copy(weights->notes, std::back_inserter(loaded->notes));
  if (conventional)
    loaded->notes.push_back(
        "backend conventional is the control group: its answers depend on the load and are not reproducible");
  loaded->from_cache = weights->from_cache;
  loaded->fingerprint = fingerprint_of(weights->weights.fingerprint, *loaded, choice.widths);

  auto model =
      Model::create(loaded->checkpoint.config, std::move(weights->weights), choice.widths, *loaded->backend);
  if (!model) return fail("{}: {}", choice.path, model.error().message);
  loaded->model = *std::move(model);
  return loaded;
}

}  // namespace verbatim
