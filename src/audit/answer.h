// Answer: what a server said to one request, as exactly as it said it; and AnswerReader, which gathers one from
// the pieces of a stream or from a whole response.
//
// Understood: OpenAI's chat completions and completions; vLLM's token_ids; llama-server's chat-like logprobs in
// completions, with ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "json/library.h"

namespace verbatim::audit {

// A token as the server names it.
struct Token {
  std::string text;
  std::optional<std::vector<std::int64_t>> bytes;
  std::optional<std::int64_t> id;
  std::optional<double> logprob;

  // Whether both name one token: by id, else by bytes, else by text, whichever both have.
  bool same_token(const Token& other) const;
  bool operator==(const Token&) const = default;
};

struct ScoredToken : Token {
  std::vector<Token> top;  // the likeliest at this place, as the server orders them

  bool operator==(const ScoredToken&) const = default;
};

struct Answer {
  std::string text;                 // with the reasoning before it, where there is one
  std::vector<ScoredToken> tokens;  // empty: the server does not tell
  std::string finish_reason;
  std::string fingerprint;         // system_fingerprint
  std::int64_t output_tokens = 0;  // as the server counted; 0: it does not tell

  bool has_logprobs() const { return !tokens.empty() && tokens.front().logprob.has_value(); }
};

class AnswerReader {
 public:
  // An event of a stream, or a whole response. Returns whether it brought a part of the answer.  Errors: the
  // server's own, or what in it is not what the API promises.
  Result<bool> put(const std::string& json);

  // Whether a finish_reason has come.
  bool finished() const { return !answer_.finish_reason.empty(); }

  Answer take();

 private:
  Answer answer_;
  std::vector<std::int64_t> ids_;
};

// {"token", "logprob", "bytes", "id", "top_logprobs"}, as in OpenAI's logprobs.content; what is missing is left
// out. Reading throws nlohmann::json::exception.
nlohmann::json to_json(const ScoredToken& token);
ScoredToken token_of(const nlohmann::json& json);

}  // namespace verbatim::audit
