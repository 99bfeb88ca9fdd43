#include "server/logprobs_json.h"

#include <algorithm>

#include "base/utf8.h"
#include "server/json_text.h"

namespace verbatim::server {
namespace {

void separate(std::string& list) {
  if (!list.empty()) list += ',';
}

void append_chat_token(std::string& out, TokenLogprob token, const TokenNames& names) {
  std::string_view bytes = names.tokenizer->token_bytes(token.token);
  out += R"({"token":)";
  append_json_string(out, names.as_ids ? names.name(token.token) : std::string(bytes));
  out += R"(,"logprob":)";
  append_json_number(out, token.logprob);
  out += R"(,"bytes":)";
  append_json_bytes(out, bytes);
}

std::span<const TokenLogprob> first_of(const Logprobs& logprobs, std::int64_t top) {
  return std::span(logprobs.top).first(std::min(logprobs.top.size(), static_cast<std::size_t>(top)));
}

}  // namespace

std::string TokenNames::name(std::int32_t token) const {
  if (as_ids) return fmt::format("token_id:{}", token);
  std::string_view bytes = tokenizer->token_bytes(token);
  if (well_formed_bytes(bytes, 0) == bytes.size()) return std::string(bytes);
  std::string text = "bytes:";
  for (char byte : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return text;
}

void append_chat_logprob(std::string& out, const Logprobs& logprobs, const TokenNames& names) {
  append_chat_token(out, logprobs.chosen, names);
  out += R"(,"top_logprobs":[)";
  for (const TokenLogprob& token : logprobs.top) {
    if (&token != &logprobs.top.front()) out += ',';
    append_chat_token(out, token, names);
    out += '}';
  }
  out += "]}";
}

void CompletionLogprobs::add_token(std::int32_t token, std::int64_t offset) {
  separate(tokens_);
  append_json_string(tokens_, names_.name(token));
  separate(text_offset_);
  append_json_number(text_offset_, offset);
}

void CompletionLogprobs::add_first(std::int32_t token, std::int64_t offset) {
  add_token(token, offset);
  separate(token_logprobs_);
  token_logprobs_ += "null";
  separate(top_logprobs_);
  top_logprobs_ += "null";
}

void CompletionLogprobs::add(const Logprobs& logprobs, std::int64_t top, std::int64_t offset) {
  add_token(logprobs.chosen.token, offset);
  separate(token_logprobs_);
  append_json_number(token_logprobs_, logprobs.chosen.logprob);
  separate(top_logprobs_);
  std::vector<std::string> names;  // two tokens may have one name: the likelier has it
  top_logprobs_ += '{';
  auto put = [&](TokenLogprob token) {
    std::string name = names_.name(token.token);
    if (std::ranges::find(names, name) != names.end()) return;
    if (!names.empty()) top_logprobs_ += ',';
    append_json_string(top_logprobs_, name);
    top_logprobs_ += ':';
    append_json_number(top_logprobs_, token.logprob);
    names.push_back(std::move(name));
  };
  std::ranges::for_each(first_of(logprobs, top), put);
  put(logprobs.chosen);
  top_logprobs_ += '}';
}

std::string CompletionLogprobs::json() const {
  return fmt::format(R"({{"tokens":[{}],"token_logprobs":[{}],"top_logprobs":[{}],"text_offset":[{}]}})",
                     tokens_, token_logprobs_, top_logprobs_, text_offset_);
}

std::string prompt_logprobs_json(const std::vector<Logprobs>& scores, std::size_t unscored, std::int64_t top,
                                 const TokenNames& names) {
  std::string out;
  for (std::size_t i = 0; i < unscored; ++i) out += i == 0 ? "null" : ",null";
  auto put = [&](TokenLogprob token, std::string_view rank) {
    out += fmt::format(R"("{}":{{"logprob":)", token.token);
    append_json_number(out, token.logprob);
    out += fmt::format(R"(,"rank":{},"decoded_token":)", rank);
    append_json_string(out, names.tokenizer->token_bytes(token.token));
    out += '}';
  };
  for (const Logprobs& scored : scores) {
    out += out.empty() ? "{" : ",{";
    std::int64_t rank = 0;
    bool chosen_among = false;
    for (const TokenLogprob& token : first_of(scored, top)) {
      if (rank > 0) out += ',';
      put(token, fmt::format("{}", ++rank));
      chosen_among = chosen_among || token.token == scored.chosen.token;
    }
    if (!chosen_among) {
      if (rank > 0) out += ',';
      put(scored.chosen, "null");
    }
    out += '}';
  }
  return '[' + out + ']';
}

}  // namespace verbatim::server
