#include "engine/drawer.h"

#include <algorithm>

#include "base/check.h"

namespace verbatim {
namespace {

Drawer::Next failed(std::string message) {
  Finish finish;
  finish.reason = FinishReason::error;
  finish.message = std::move(message);
  return {{}, {}, std::move(finish)};
}

// The end of an answer that no token can continue.
Drawer::Next without_tokens(const Answer& answer) {
  if (!answer.is_complete())
    return failed("no token of the vocabulary continues the text as its response format asks");
  Finish finish;
  finish.reason = FinishReason::stop;
  return {{}, {}, std::move(finish)};
}

}  // namespace

Drawer::Drawer(LogitsMath& math, std::int64_t vocab)
    : vocab_(vocab), sampler_([&math](std::span<const float> v, float best, float temperature, float* e) {
        math.exp_of_logits(v, best, temperature, e);
      }) {}

Drawer::Next Drawer::next(Answer& answer, std::int64_t position, std::span<const float> logits) {
  answer.allowed_tokens(vocab_, allowed_);
  if (!allowed_.empty() && std::ranges::all_of(allowed_, [](std::uint64_t word) { return word == 0; }))
    return without_tokens(answer);
  DrawPlace place{static_cast<std::uint64_t>(position), static_cast<std::uint64_t>(answer.choice())};
  auto token = sampler_.sample(logits, answer.request().sampling, answer.counts(), place, allowed_);
  if (!token.ok()) return failed(token.error().message);
  return next(answer, *token);
}

Drawer::Next Drawer::next(Answer& answer, std::int32_t token) {
  CHECK(token >= 0, "token {} was drawn", token);
  std::string text = answer.accept(token);
  return {token, std::move(text), answer.ending()};
}

}  // namespace verbatim
