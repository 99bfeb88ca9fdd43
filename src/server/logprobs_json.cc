#include "server/logprobs_json.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "server/json_text.h"

namespace verbatim::server {
namespace {

void append_chat_token(std::string& out, TokenLogprob token, const TokenNames& names) {
  std::string_view bytes = names.tokenizer->token_bytes(token.token);
  out += R"({"token":)";
  append_json_string(out, names.as_ids ? names.name(token.token) : std::string(bytes));
  out += R"(,"logprob":)";
  append_json_number(out, token.logprob);
  out += R"(,"bytes":)";
  append_json_bytes(out, bytes);
}

std::span<const TokenLogprob> first_of(const LogprobsView& logprobs, std::int64_t top) {
  return logprobs.top.first(std::min(logprobs.top.size(), static_cast<std::size_t>(top)));
}

void append_name(std::string& out, const CompletionToken& token, std::int64_t, const TokenNames& names) {
  append_json_string(out, names.name(token.token));
}

void append_logprob(std::string& out, const CompletionToken& token, std::int64_t, const TokenNames&) {
  token.logprobs ? append_json_number(out, token.logprobs->chosen.logprob) : void(out += "null");
}

void append_top(std::string& out, const CompletionToken& token, std::int64_t top, const TokenNames& names) {
  if (!token.logprobs) return void(out += "null");
  std::vector<std::string> shown;  // two tokens may have one name: the likelier has it
  out += '{';
  auto put = [&](TokenLogprob each) {
    std::string name = names.name(each.token);
    if (std::ranges::find(shown, name) != shown.end()) return;
    if (!shown.empty()) out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_number(out, each.logprob);
    shown.push_back(std::move(name));
  };
  std::ranges::for_each(first_of(*token.logprobs, top), put);
  put(token.logprobs->chosen);
  out += '}';
}

void append_offset(std::string& out, const CompletionToken& token, std::int64_t, const TokenNames&) {
  append_json_number(out, token.offset);
}

// One list after the other.
struct CompletionList {
  std::string_view name;
  void (*append)(std::string& out, const CompletionToken& token, std::int64_t top, const TokenNames& names);
};
constexpr CompletionList kCompletionLists[] = {{"tokens", append_name},
                                               {"token_logprobs", append_logprob},
                                               {"top_logprobs", append_top},
                                               {"text_offset", append_offset}};

}  // namespace

std::string TokenNames::name(std::int32_t token) const {
  if (as_ids) return fmt::format("token_id:{}", token);
  std::string_view bytes = tokenizer->token_bytes(token);
  if (well_formed_bytes(bytes, 0) == bytes.size()) return std::string(bytes);
  std::string text = "bytes:";
  for (char byte : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return text;
}

void append_chat_logprob(std::string& out, const LogprobsView& logprobs, const TokenNames& names) {
  append_chat_token(out, logprobs.chosen, names);
  out += R"(,"top_logprobs":[)";
  for (const TokenLogprob& token : logprobs.top) {
    if (&token != &logprobs.top.front()) out += ',';
    append_chat_token(out, token, names);
    out += '}';
  }
  out += "]}";
}

BodyPieces completion_logprobs_json(std::span<const CompletionToken> tokens, std::int64_t top,
                                    TokenNames names) {
  std::string out;
  char before = '{';
  for (const CompletionList& list : kCompletionLists) {
    out += fmt::format(R"({}"{}":[)", std::exchange(before, ','), list.name);
    for (const CompletionToken& token : tokens) {
      if (&token != &tokens.front()) out += ',';
      list.append(out, token, top, names);
      if (is_piece(out)) co_yield out;
    }
    out += ']';
  }
  co_yield out += '}';
}

void append_prompt_logprob(std::string& out, const LogprobsView& scores, std::int64_t top,
                           const TokenNames& names) {
  auto put = [&](TokenLogprob token, std::string_view rank) {
    out += fmt::format(R"("{}":{{"logprob":)", token.token);
    append_json_number(out, token.logprob);
    out += fmt::format(R"(,"rank":{},"decoded_token":)", rank);
    append_json_string(out, names.tokenizer->token_bytes(token.token));
    out += '}';
  };
  out += '{';
  std::int64_t rank = 0;
  bool chosen_among = false;
  for (const TokenLogprob& token : first_of(scores, top)) {
    if (rank > 0) out += ',';
    put(token, fmt::format("{}", ++rank));
    chosen_among = chosen_among || token.token == scores.chosen.token;
  }
  if (!chosen_among) {
    if (rank > 0) out += ',';
    put(scores.chosen, "null");
  }
  out += '}';
}

BodyPieces prompt_logprobs_json(const LogprobRows& scores, std::size_t unscored, std::int64_t top,
                                TokenNames names) {
  std::string out = "[";
  for (std::size_t i = 0; i < unscored; ++i) out += i == 0 ? "null" : ",null";
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (i + unscored > 0) out += ',';
    append_prompt_logprob(out, scores[i], top, names);
    if (is_piece(out)) co_yield out;
  }
  co_yield out += ']';
}

}  // namespace verbatim::server
