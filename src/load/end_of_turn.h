// Which tokens end an answer.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "load/tokenizer_data.h"

namespace verbatim {

// The tokens whose spelling says that they end an answer, whatever type the file gives them and whichever it names as eos: the
// spellings of llama.cpp (llama-vocab.cpp, special_eog_ids, October 2026), with its exceptions: harmony's <|end|> ends a
// message of an answer, not the answer, and </s> ends none where there is <|tool_response>.
std::vector<std::int32_t> ends_by_spelling(const TokenizerData& data);

// Appends ids that are not there yet.
void add_stops(const std::vector<std::int32_t>& ids, TokenizerData& data);

}  // namespace verbatim
