#include "receipt/replay.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace verbatim {
namespace {

std::string describe(const Finish& finish) {
  if (finish.reason == FinishReason::error) return "fails: " + finish.message;
  if (finish.stop_token) return fmt::format("stops with token {}", *finish.stop_token);
  if (!finish.stop_string.empty())
    return fmt::format("stops with the stop string \"{}\"", finish.stop_string);
  return finish.reason == FinishReason::length ? "has max_tokens" : "is complete by its schema";
}

Finish finish_of(const Receipt& receipt) {
  Finish finish;
  finish.reason = receipt.reason;
  finish.stop_token = receipt.stop_token;
  finish.stop_string = receipt.stop_string.value_or("");
  return finish;
}

bool same_end(const Finish& a, const Finish& b) {
  return a.reason == b.reason && a.stop_token == b.stop_token && a.stop_string == b.stop_string;
}

GenerateRequest with_constraint(GenerateRequest request, std::shared_ptr<const Constraint> constraint) {
  request.constraint = std::move(constraint);
  return request;
}

std::string_view link_of(std::string_view links, std::size_t i) {
  return links.substr(std::min(i * ReceiptChain::kLinkDigits, links.size()), ReceiptChain::kLinkDigits);
}

Logprobs first_of(Logprobs logprobs, std::int64_t top) {
  logprobs.top.resize(std::min(logprobs.top.size(), static_cast<std::size_t>(top)));
  return logprobs;
}

}  // namespace

std::string Replayed::text() const {
  std::string text;
  for (const TokenEvent& token : tokens) text += token.text;
  return text + finish.text;
}

Replay::Replay(const Receipt& receipt, std::shared_ptr<const Constraint> constraint,
               const Tokenizer& tokenizer, Drawer& drawer, ReceiptChain chain)
    : receipt_(receipt),
      drawer_(drawer),
      asked_(with_constraint(receipt.request, std::move(constraint))),
      answer_(asked_, receipt.choice, &tokenizer),
      chain_(std::move(chain)),
      links_before_answer_(chain_.links().size() / ReceiptChain::kLinkDigits) {
  if (asked_.max_tokens > 0) return;
  end_.emplace();  // nothing is drawn
  end_->reason = FinishReason::length;
}

// The last token's row is computed too: with a constraint an answer may end because no token can follow.
GenerateRequest Replay::request() const {
  GenerateRequest request;
  request.prompt = asked_.prompt;
  request.prompt_from = asked_.prompt_logprobs ? 0 : static_cast<std::int64_t>(request.prompt.size()) - 1;
  if (asked_.logprobs || asked_.prompt_logprobs)
    request.prompt_logprobs = std::max(asked_.logprobs.value_or(0), asked_.prompt_logprobs.value_or(0));
  request.prompt.insert(request.prompt.end(), receipt_.tokens.begin(), receipt_.tokens.end());
  request.max_tokens = 0;
  request.logits = request.hidden = true;
  return request;
}

void Replay::differ(std::string what, std::int64_t position, std::string sentence) {
  difference_ = Difference{std::move(what), position, std::move(sentence)};
}

void Replay::on_hidden(std::int64_t, std::int64_t, const Sha256Digest& digest) { hidden_ = digest; }

void Replay::on_logits(std::int64_t, std::int64_t row_position, std::span<const float> row) {
  const std::int64_t position = row_position + 1;
  if (position < static_cast<std::int64_t>(asked_.prompt.size())) return;
  const auto i = static_cast<std::size_t>(position) - receipt_.request.prompt.size();
  const bool past_end = i == receipt_.tokens.size();
  if (difference_ || (end_ && past_end)) return;
  if (end_)
    return differ(
        "token", position,
        fmt::format("the receipt goes on with token {}, the answer {}", receipt_.tokens[i], describe(*end_)));
  Drawer::Next next = drawer_.next(answer_, position, row);
  end_ = std::move(next.end);
  if (past_end) {
    if (next.token)
      differ("finish", position,
             fmt::format("the receipt ends here, the answer goes on with token {}", *next.token));
    return;
  }
  if (!next.token)
    return differ(
        "token", position,
        fmt::format("the receipt goes on with token {}, the answer {}", receipt_.tokens[i], describe(*end_)));
  if (*next.token != receipt_.tokens[i])
    return differ(
        "token", position,
        fmt::format("the receipt has token {}, the model answers with {}", receipt_.tokens[i], *next.token));
  chain_.add(token_entry(position, *next.token, hidden_));
  replayed_.tokens.push_back({receipt_.choice, position, *next.token, std::move(next.text), std::nullopt});
}

// Comes after on_logits of the row before it.
void Replay::on_prompt_token(std::int64_t position, const Logprobs& logprobs) {
  if (position < static_cast<std::int64_t>(asked_.prompt.size())) {
    if (asked_.prompt_logprobs)
      replayed_.prompt_scores.push_back(first_of(logprobs, *asked_.prompt_logprobs));
  } else if (asked_.logprobs && !replayed_.tokens.empty() && replayed_.tokens.back().position == position) {
    replayed_.tokens.back().logprobs = first_of(logprobs, *asked_.logprobs);
  }
}

void Replay::on_token(const TokenEvent& event) { CHECK(false, "token {} of a prompt", event.token); }

void Replay::on_finish(const Finish& finish) {
  if (finish.reason != FinishReason::error || difference_) return;
  const bool complete = end_ && answer_.tokens() > 0;  // what failed is the row behind the last token
  if (complete && answer_.tokens() == static_cast<std::int64_t>(receipt_.tokens.size())) return;
  difference_ = Difference{"digest", std::nullopt, "the model cannot compute this: " + finish.message};
}

// The first link of the answer that is not what the chain has.
std::optional<Difference> Replay::differing_link() const {
  const std::size_t known = chain_.links().size() / ReceiptChain::kLinkDigits;
  auto same = [&](std::size_t i) { return link_of(chain_.links(), i) == link_of(receipt_.links, i); };
  std::size_t i = links_before_answer_;
  while (i < known && same(i)) ++i;
  if (i == known) return std::nullopt;
  const std::size_t first = i;
  for (++i; i < known; ++i)
    if (same(i))  // a chain that differs never comes back
      return Difference{"links", std::nullopt,
                        fmt::format("link {} is not the chain's, those after it are", first)};
  const std::size_t token = first - links_before_answer_;
  if (token >= receipt_.tokens.size())
    return Difference{"finish", std::nullopt, "the end, or its link, is not what the chain was made with"};
  return Difference{"digest", static_cast<std::int64_t>(receipt_.request.prompt.size() + token),
                    fmt::format("token {} is the model's, but its hidden integers, or its link, are not",
                                receipt_.tokens[token])};
}

std::optional<Difference> Replay::outcome() {
  // A token that differs comes after the links that were compared.
  if (difference_) {
    auto link = differing_link();
    return link ? link : difference_;
  }
  const auto end_position =
      static_cast<std::int64_t>(receipt_.request.prompt.size() + receipt_.tokens.size());
  CHECK(end_.has_value(), "the receipt's rows are computed, and its end is not known");
  replayed_.finish = *end_;
  replayed_.finish.choice = receipt_.choice;
  replayed_.finish.text = answer_.flush();
  replayed_.finish.tokens = answer_.tokens();
  const Finish claimed = finish_of(receipt_);
  if (!same_end(*end_, claimed)) {
    if (auto link = differing_link()) return link;
    return Difference{"finish", end_position,
                      fmt::format("the receipt says that the answer {}, the answer {}", describe(claimed),
                                  describe(*end_))};
  }
  chain_.add(finish_entry(receipt_));
  const bool same_head = chain_.head() == receipt_.head;
  if (auto link = differing_link()) {
    if (!same_head) return link;
    return Difference{"links", std::nullopt, "a link is not the chain's, whose head is right"};
  }
  if (chain_.links().size() != receipt_.links.size())
    return Difference{
        "links", std::nullopt,
        fmt::format("links has {} digits, the chain {}", receipt_.links.size(), chain_.links().size())};
  if (!same_head) return Difference{"head", std::nullopt, "head is not the chain's, whose links are right"};
  return std::nullopt;
}

}  // namespace verbatim
