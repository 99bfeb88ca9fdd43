// Random requests for FakeModel, and random engines that are too small for them.
#pragma once

#include <random>

#include "engine/engine.h"
#include "invariance/fake_model.h"

namespace verbatim {

inline GenerateRequest random_request(std::mt19937& random, std::int64_t room, std::int64_t max_sequences) {
  auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  GenerateRequest r;
  std::int64_t size = 1 + below(std::min<std::int64_t>(room - 1, 400));
  for (std::int64_t i = 0; i < size; ++i) r.prompt.push_back(static_cast<std::int32_t>(32 + i % 90));
  for (std::int64_t i = below(size); i < size; ++i)
    r.prompt[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(32 + below(3));
  r.max_tokens = below(std::min<std::int64_t>(60, room - size + 1));
  r.n = 1 + (random() % 3 == 0 ? below(2 * max_sequences) : 0);  // some wait for seats
  r.sampling.temperature = random() % 3 == 0 ? 0.0f : 0.9f;
  r.sampling.top_k = below(2) * 20;
  r.sampling.top_p = random() % 2 == 0 ? 1.0f : 0.8f;
  r.sampling.frequency_penalty = random() % 3 == 0 ? 0.5f : 0.0f;
  r.sampling.repetition_penalty = random() % 3 == 0 ? 1.3f : 1.0f;
  r.sampling.seed = random();
  if (random() % 2 == 0) r.logprobs = below(4);
  if (random() % 4 == 0) r.prompt_logprobs = below(4);
  if (random() % 4 == 0)
    r.stop_tokens = {static_cast<std::int32_t>(below(256)), static_cast<std::int32_t>(below(256))};
  if (random() % 4 == 0) r.stop_strings = {"a", "bc"};
  if (random() % 12 == 0) r.prompt[static_cast<std::size_t>(below(size))] = FakeModel::kPoison;
  r.logits = random() % 3 == 0;
  r.use_prefix_cache = random() % 5 != 0;
  r.max_chunk = random() % 3 == 0 ? 1 + below(130) : 0;
  return r;
}

// Pools of a few pages, small steps.
inline EngineOptions random_options(std::mt19937& random) {
  EngineOptions options;
  options.kv_pages = 4 + static_cast<std::int64_t>(random() % 8);
  options.schedule.max_sequences = 2 + static_cast<std::int64_t>(random() % 7);
  options.schedule.max_step_tokens =
      options.schedule.max_sequences + static_cast<std::int64_t>(random() % 200);
  options.schedule.max_logits_rows =
      options.schedule.max_sequences + static_cast<std::int64_t>(random() % 60);
  options.schedule.preempt_every = random() % 4 == 0 ? 2 + static_cast<std::int64_t>(random() % 9) : 0;
  return options;
}

}  // namespace verbatim
