// Verification of answers as people keep them. Start here.
//
//   find_answers()      a file -> receipts, and the responses around them      saved_answer.h
//   verify_receipts()   receipts -> the answers, computed again                receipt/verify.h
//   Retelling           the answers -> what a server wrote, written again      retelling.h
//   first_difference()  that, and what is in the file                          difference.h
//
// A response is accepted if and only if it is what a server writes for its receipts, all of it; free are only what names
// it (id, time) and what load made of it (cached_tokens, the tokens of a prediction).
#pragma once

#include "server/served_model.h"
#include "verify/saved_answer.h"

namespace verbatim {

struct VerifyAnswersOptions {
  VerifyOptions receipts;
  std::optional<std::string> request;  // the body that was sent: what the receipts must answer
};

struct JudgedReceipt {
  std::string where;
  Verdict verdict;
};

// One for each receipt. What is wrong with a response, all of its receipts have.
// served: the model as a server has it; its names are not looked at
std::vector<JudgedReceipt> verify_answers(LoadedModel& loaded, const server::ServedModel& served,
                                          std::vector<SavedAnswer> answers,
                                          const VerifyAnswersOptions& options);

}  // namespace verbatim
