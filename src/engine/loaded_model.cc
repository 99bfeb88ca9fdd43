#include "engine/loaded_model.h"

#include <algorithm>
#include <iterator>

#include "backend/list.h"
#include "builtin/builtin_models.h"
#include "engine/fingerprint.h"

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

AnswerSettings settings_of(const LoadedModel& loaded, const ModelOptions& widths) {
  AnswerSettings settings;
  settings.widths = widths;
  settings.sampling = loaded.sampling;
  settings.date = loaded.date;
  if (loaded.context != loaded.checkpoint.config.context_length) settings.context = loaded.context;
  if (!keeps_contract(loaded.backend->name())) settings.backend = loaded.backend->name();
  settings.pattern_tables = loaded.tokenizer->library_version();
  return settings;
}

}  // namespace

Result<std::unique_ptr<LoadedModel>> load_model(const ModelChoice& choice) {
  auto backend = make_backend(choice.backend, choice.threads);
  if (!backend) return backend.error();
  return load_model(choice, *std::move(backend));
}

Result<std::unique_ptr<LoadedModel>> load_model(const ModelChoice& choice, std::unique_ptr<Backend> backend) {
  auto loaded = std::make_unique<LoadedModel>();
  loaded->backend = std::move(backend);
  bool conventional = !keeps_contract(loaded->backend->name());
  if (conventional && (choice.widths.activations != Width::bits16 || choice.widths.kv != Width::bits16))
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
  LoadOptions load = choice.load;
  load.weights.rotated = choice.widths.activations == Width::bits8;
  auto weights = load_weights(loaded->checkpoint, load, pool);
  if (!weights) return weights.error();
  loaded->tensors = weights->weights.report;
  loaded->notes = loaded->checkpoint.tokenizer.notes;
  std::ranges::copy(weights->notes, std::back_inserter(loaded->notes));
  if (conventional)
    loaded->notes.push_back(
        "backend conventional is the control group: its answers depend on the load and are not reproducible");
  const auto keeps_codes = [](const auto& named) { return holds_codes(named.second.kind); };
  if (const auto kept = std::ranges::count_if(weights->weights.matrices, keeps_codes);
      kept > 0 && load.weights.rotated)
    loaded->notes.push_back(
        fmt::format("activations have 16 bits where they meet the file's own codes, which {} of {} matrices "
                    "keep; --weights i8 has none",
                    kept, weights->weights.matrices.size()));
  loaded->from_cache = weights->from_cache;
  loaded->fingerprint = fingerprint_of(weights->weights.fingerprint, loaded->checkpoint.tokenizer,
                                       settings_of(*loaded, choice.widths));

  auto model =
      Model::create(loaded->checkpoint.config, std::move(weights->weights), choice.widths, *loaded->backend);
  if (!model) return fail("{}: {}", choice.path, model.error().message);
  loaded->model = *std::move(model);
  return loaded;
}

}  // namespace verbatim
