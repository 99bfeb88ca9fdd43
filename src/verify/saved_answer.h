// SavedAnswer: what people keep of the API's answers: a receipt alone, a response around its receipts, or the bytes of
// a stream of events. A file holds one of them, a list, JSON values one a line, or one stream; and nothing else, so
// that no text stands in it that nobody compares.
#pragma once

#include "receipt/verify.h"
#include "verify/difference.h"

namespace verbatim {

struct SavedAnswer {
  enum class Form : std::uint8_t { receipt, body, stream };

  Form form = Form::receipt;
  std::vector<SavedReceipt> receipts;  // in the file's order; not empty
  Json body;                           // the response
  std::string stream;
};

// What is neither a receipt nor a response around receipts is an entry with an error, and so is a receipt that is
// damaged. The error: the text is no JSON, or holds nothing.
//   where: the file's name
Result<std::vector<SavedAnswer>> find_answers(std::string_view text, const std::string& where);

}  // namespace verbatim
