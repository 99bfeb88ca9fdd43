#include "generation.h"

#include <algorithm>
#include <cstdio>

namespace verbatim::app {
namespace {

// "15043:-100" -> (15043, -100)
Result<std::pair<std::int32_t, float>> parse_bias(const std::string& text) {
  std::int32_t token = 0;
  float bias = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%d:%f%n", &token, &bias, &used) != 2 ||
      static_cast<std::size_t>(used) != text.size()) {
    return fail("--logit-bias '{}' is not TOKEN:BIAS, such as 15043:-100", text);
  }
  return std::pair(token, bias);
}

}  // namespace

void Printer::on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest) {
  if (maker_ != nullptr) maker_->on_hidden(choice, position, digest);
}

void Printer::on_token(const TokenEvent& event) {
  if (maker_ != nullptr) maker_->on_token(event);
  add(event.choice, event.text);
}

void Printer::on_finish(const Finish& finish) {
  const bool answered = finish.reason == FinishReason::stop || finish.reason == FinishReason::length;
  if (maker_ != nullptr && answered) receipts_.emplace(finish.choice, maker_->on_finish(finish));
  add(finish.choice, finish.text);
  finishes_[static_cast<std::size_t>(finish.choice)] = finish;
}

void Printer::add(std::int64_t choice, const std::string& text) {
  texts_[static_cast<std::size_t>(choice)] += text;
  if (!stream_) return;
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

Result<GenerateRequest> make_request(const LoadedModel& loaded, const GenerationFlags& flags,
                                     const std::string& text, EncodeOptions encode) {
  auto prompt = loaded.tokenizer->encode(text, encode);
  if (!prompt) return prompt.error();
  if (prompt->empty())
    return fail("the text is empty and the model adds no token of its own: nothing to continue");
  GenerateRequest request;
  request.prompt = *std::move(prompt);
  request.max_tokens = flags.max_tokens;
  if (!flags.max_tokens_given) {  // the default ends where the model's context ends
    auto room = loaded.context - static_cast<std::int64_t>(request.prompt.size());
    request.max_tokens = std::min(request.max_tokens, std::max<std::int64_t>(room, 1));
  }
  request.n = flags.n;
  request.sampling = flags.sampling;
  for (const std::string& bias : flags.logit_bias) {
    auto parsed = parse_bias(bias);
    if (!parsed) return parsed.error();
    request.sampling.logit_bias.push_back(*parsed);
  }
  request.stop_strings = flags.stop;
  request.ignore_eos = flags.ignore_eos;
  request.hidden = !flags.receipt.empty();
  return request;
}

Result<std::unique_ptr<Engine>> make_engine(LoadedModel& loaded, std::int64_t answers, std::int64_t tokens) {
  EngineOptions options;
  options.schedule.max_sequences = std::min(answers, options.schedule.max_sequences);
  options.kv_pages = answers * (tokens / kPageTokens + 2);
  return Engine::create(*loaded.model, loaded.tokenizer.get(), options);
}

Status generate(Engine& engine, GenerateRequest request, Printer& printer,
                const std::function<bool()>& stop) {
  auto id = engine.submit(std::move(request), printer);
  if (!id) return id.error();
  while (!engine.idle()) {
    engine.step();
    if (stop && stop()) engine.cancel(*id);
  }
  for (const Finish& finish : printer.finishes())
    if (finish.reason == FinishReason::error) return Error{finish.message};
  return {};
}

}  // namespace verbatim::app
