#include "engine/answer.h"

#include <algorithm>

namespace verbatim {

Answer::Answer(const GenerateRequest& request, std::int64_t choice, const Tokenizer* tokenizer)
    : request_(request), tokenizer_(tokenizer), choice_(choice), stops_(request.stop_strings) {
  if (tokenizer != nullptr)
    decoder_.emplace(*tokenizer, DecodeOptions{.skip_special = request.skip_special, .text_start = false});
  if (request.sampling.uses_history()) {
    for (std::int32_t token : request.prompt) counts_.emplace(token, 0);
  }
  if (request.constraint != nullptr) constraint_.emplace(request.constraint);
}

bool Answer::is_stop(std::int32_t token) const {
  bool own = tokenizer_ != nullptr && !request_.ignore_eos && tokenizer_->is_stop(token);
  return own || std::ranges::find(request_.stop_tokens, token) != request_.stop_tokens.end();
}

void Answer::allowed_tokens(std::int64_t vocab, TokenBits& bits) const {
  const bool too_short = tokens_ < request_.min_tokens;
  const auto words = static_cast<std::size_t>(vocab + 63) / 64;
  bits.clear();
  if (constraint_) {
    bits = *constraint_->allowed();
    bits.resize(words);
  } else if (too_short) {
    bits.assign(words, ~std::uint64_t{0});
  } else {
    return;
  }
  if (vocab % 64 != 0) bits.back() &= (std::uint64_t{1} << (vocab % 64)) - 1;
  auto stop = [&](std::int32_t token) {
    if (token < 0 || token >= vocab) return;
    const std::uint64_t bit = std::uint64_t{1} << (token % 64);
    std::uint64_t& word = bits[static_cast<std::size_t>(token) / 64];
    word = is_complete() && !too_short ? word | bit : word & ~bit;
  };
  if (tokenizer_ != nullptr && !request_.ignore_eos) std::ranges::for_each(tokenizer_->stop_ids(), stop);
  std::ranges::for_each(request_.stop_tokens, stop);
}

bool Answer::draws_are_plain() const {
  const SamplingParams& params = request_.sampling;
  return !constraint_ && tokens_ >= request_.min_tokens && !params.uses_history() &&
         params.logit_bias.empty();
}

std::string Answer::accept(std::int32_t token) {
  ++tokens_;
  last_ = token;
  if (request_.sampling.uses_history()) ++counts_[token];
  if (!decoder_ || is_stop(token)) return {};
  if (constraint_) {
    const bool advanced = constraint_->advance(tokenizer_->token_bytes(token));
    CHECK(advanced, "token {} was drawn and is not allowed by the constraint", token);
  }
  std::string text = decoder_->push(token);
  return tokens_ > request_.min_tokens ? stops_.push(text) : text;
}

std::optional<Finish> Answer::ending() const {
  Finish finish;
  finish.reason = FinishReason::stop;
  finish.stop_string = stops_.matched();
  if (!finish.stop_string.empty()) return finish;
  if (is_stop(last_)) {
    finish.stop_token = last_;
    return finish;
  }
  if (constraint_ && constraint_->must_end()) return finish;
  if (tokens_ < request_.max_tokens) return std::nullopt;
  finish.reason = FinishReason::length;
  return finish;
}

std::string Answer::flush() {
  std::string text = decoder_ ? stops_.push(decoder_->flush()) : std::string();
  return text + stops_.flush();
}

}  // namespace verbatim
