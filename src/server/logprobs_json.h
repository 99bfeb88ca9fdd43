// Log-probabilities in the three shapes that clients know: OpenAI's of chat, OpenAI's of the older
// completions, and vLLM's of prompts. Values are written so that they read back as the same float32.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sample/logprobs.h"
#include "server/body_pieces.h"
#include "tokenizer/tokenizer.h"

namespace verbatim::server {

struct TokenNames {
  const Tokenizer* tokenizer = nullptr;
  bool as_ids = false;  // "token_id:15043", as vLLM's return_tokens_as_token_ids

  // Reversible where the bytes are no text: "bytes:\xe2\x80", as OpenAI's older completions have it.
  std::string name(std::int32_t token) const;
};

// {"token":" Hi","logprob":-0.5,"bytes":[32,72,105],"top_logprobs":[{...}, ...]}; top: of these many
void append_chat_logprob(std::string& out, const LogprobsView& logprobs, const TokenNames& names);

// A token of the older completions.
struct CompletionToken {
  std::int32_t token = 0;
  std::int64_t offset = 0;               // where it stands in the text (text_offsets.h)
  std::optional<LogprobsView> logprobs;  // none: nothing predicts it
};
// {"tokens":[..],"token_logprobs":[..],"top_logprobs":[{..}, ..],"text_offset":[..]}; top: at most this many alternatives
BodyPieces completion_logprobs_json(std::span<const CompletionToken> tokens, std::int64_t top,
                                    TokenNames names);

// {"15043":{"logprob":-0.5,"rank":1,"decoded_token":" Hi"}, ...}; a rank beyond the alternatives is null
void append_prompt_logprob(std::string& out, const LogprobsView& scores, std::int64_t top,
                           const TokenNames& names);
// [null,{...}, ...]: of prompt tokens 0, 1, ...
// scores: of the tokens after the first `unscored`, which have null.
BodyPieces prompt_logprobs_json(const LogprobRows& scores, std::size_t unscored, std::int64_t top,
                                TokenNames names);

}  // namespace verbatim::server
