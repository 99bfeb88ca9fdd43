// SavedReceipt: a receipt as people keep it: alone, inside a saved response of the API, in a list, in a file
// with a JSON value a line, or in a saved stream of events ("data: {...}").
//
// A whole response shows the answer a second time, as text that people read. What stands beside the receipt is
// kept with it, so that a response whose text was edited does not pass.
#pragma once

#include "receipt/receipt.h"

namespace verbatim {

struct SavedReceipt {
  std::string where;  // file, line and place inside it
  Result<Receipt> receipt;

  // Of the whole response around it; nullopt: not shown there.
  std::optional<std::string> shown_text;  // for /v1/completions with echo the prompt stands before the answer
  bool text_may_have_more_before = false;
  std::optional<std::string> shown_reason;
  std::optional<std::vector<std::int32_t>> shown_tokens;
};

// All receipts in a text, in their order; one that is damaged is an entry with an error. The error: the text is
// no JSON, or holds no receipt.   where: the file's name
Result<std::vector<SavedReceipt>> find_receipts(std::string_view text, const std::string& where);

}  // namespace verbatim
