// SavedReceipt: a receipt as people keep it: alone, inside a saved response of the API, in a list, in a file
// with a JSON value a line, or in a saved stream of events ("data: {...}").
//
// A response shows the answer a second time, as text that people read. What stands beside the receipt is kept
// with it, so that a response whose text was edited does not pass: all pieces of it that the file holds.
#pragma once

#include "receipt/receipt.h"

namespace verbatim {

// What a response shows of one answer beside its receipt: in one choice, or in the events of a stream joined.
struct ShownAnswer {
  std::string text;  // for /v1/completions with echo the prompt stands before the answer; empty: none
  std::optional<std::string> reason;
  std::optional<std::vector<std::int32_t>> tokens;
  bool tool_calls = false;  // the answer is shown as calls; `text` is what they left of it
  std::string unreadable;   // a key whose value is not of the API's form; empty: none
};

struct SavedReceipt {
  std::string where;  // file, line and place inside it
  Result<Receipt> receipt;
  ShownAnswer shown = {};
};

// All receipts in a text, in their order. One that is damaged is an entry with an error, and so is, behind them, an
// answer without a receipt in a response of which others have one. The error: the text is no JSON, or holds no receipt.
//   where: the file's name
Result<std::vector<SavedReceipt>> find_receipts(std::string_view text, const std::string& where);

}  // namespace verbatim
