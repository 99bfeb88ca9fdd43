// Log-probabilities in the three shapes that clients know: OpenAI's of chat, OpenAI's of the older
// completions, and vLLM's of prompts. Values are written so that they read back as the same float32.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sample/logprobs.h"
#include "tokenizer/tokenizer.h"

namespace verbatim::server {

struct TokenNames {
  const Tokenizer* tokenizer = nullptr;
  bool as_ids = false;  // "token_id:15043", as vLLM's return_tokens_as_token_ids

  // Reversible where the bytes are no text: "bytes:\xe2\x80", as OpenAI's older completions have it.
  std::string name(std::int32_t token) const;
};

// {"token":" Hi","logprob":-0.5,"bytes":[32,72,105],"top_logprobs":[{...}, ...]}; top: of these many
void append_chat_logprob(std::string& out, const Logprobs& logprobs, const TokenNames& names);

// {"tokens":[..],"token_logprobs":[..],"top_logprobs":[{..}, ..],"text_offset":[..]}
class CompletionLogprobs {
 public:
  explicit CompletionLogprobs(const TokenNames& names) : names_(names) {}

  // offset: where the token stands in the text (text_offsets.h)
  void add_first(std::int32_t token, std::int64_t offset);  // of a prompt: nothing predicts it
  // top: at most this many alternatives
  void add(const Logprobs& logprobs, std::int64_t top, std::int64_t offset);
  std::string json() const;

 private:
  void add_token(std::int32_t token, std::int64_t offset);

  TokenNames names_;
  std::string tokens_, token_logprobs_, top_logprobs_, text_offset_;  // lists without brackets
};

// [null,{"15043":{"logprob":-0.5,"rank":1,"decoded_token":" Hi"}, ...}, ...]: of prompt tokens 0, 1, ...
// scores: of the tokens after the first `unscored`, which have null; a rank beyond the alternatives is null
std::string prompt_logprobs_json(const std::vector<Logprobs>& scores, std::size_t unscored, std::int64_t top,
                                 const TokenNames& names);

}  // namespace verbatim::server
