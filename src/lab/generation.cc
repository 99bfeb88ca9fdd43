#include "lab/generation.h"

#include <algorithm>

namespace verbatim::lab {
namespace {

constexpr std::int64_t kChunk = 64;            // rows of prompts in a step, beside the decode rows
constexpr std::int64_t kNeighbourPrompt = 48;  // longest, in tokens
constexpr std::int64_t kNeighbourAnswer = 64;

}  // namespace

std::unique_ptr<Engine> make_engine(LoadedModel& model, std::int64_t sequences, std::int64_t tokens) {
  EngineOptions options;
  options.schedule.max_sequences = sequences;
  options.schedule.max_step_tokens = sequences + kChunk;
  options.schedule.max_logits_rows = options.schedule.max_step_tokens;
  options.kv_pages =
      sequences * Scheduler::pages_needed(std::max(tokens, kNeighbourPrompt + kNeighbourAnswer)) + 1;
  auto engine = Engine::create(*model.model, model.tokenizer.get(), options);
  CHECK(engine.ok(), "the lab's engine: {}", engine.error().message);
  return *std::move(engine);
}

Kept generate_alone(LoadedModel& model, const GenerateRequest& request) {
  auto engine = make_engine(model, 1, static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens);
  Kept kept;
  auto id = engine->submit(request, kept);
  CHECK(id.ok(), "the lab's request was refused: {}", id.error().message);
  while (!engine->idle()) engine->step();
  return kept;
}

GenerateRequest random_neighbour(const LoadedModel& model, std::mt19937_64& random) {
  const ModelConfig& config = model.model->config();
  auto draw = [&](std::int64_t below) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(below));
  };
  GenerateRequest request;
  request.prompt.resize(
      static_cast<std::size_t>(1 + draw(std::min(kNeighbourPrompt, config.context_length / 4))));
  for (std::int32_t& token : request.prompt) token = static_cast<std::int32_t>(draw(config.vocab_size));
  request.max_tokens = 1 + draw(std::min(kNeighbourAnswer, config.context_length / 2));
  request.ignore_eos = true;
  request.sampling.seed = random();
  return request;
}

GenerateRequest greedy_request(const LoadedModel& model, const std::string& prompt, std::int64_t tokens) {
  GenerateRequest request;
  auto encoded = model.tokenizer->encode(prompt, {true, false});
  CHECK(encoded.ok(), "the lab's prompt: {}", encoded.error().message);
  request.prompt = *std::move(encoded);
  request.max_tokens = std::min(
      tokens, model.model->config().context_length - static_cast<std::int64_t>(request.prompt.size()));
  request.sampling.temperature = 0;
  request.logprobs = 2;
  request.ignore_eos = true;
  return request;
}

}  // namespace verbatim::lab
