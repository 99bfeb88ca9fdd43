// WholeAnswer: collects the answers to one call, and has them written as one body while that is sent.
#pragma once

#include "server/presenter.h"

namespace verbatim::server {

struct ChoiceAnswer {
  std::string text;
  std::vector<std::int32_t> tokens;
  LogprobRows logprobs;  // of the tokens; none: not asked for
  Finish finish;
};

// All that a body is written from.
struct CollectedAnswers {
  std::shared_ptr<const AnswerContext> context;
  std::vector<ChoiceAnswer> choices;
  Usage usage;
};

// What an endpoint's body is; one file each: chat_answer.cc, completion_answer.cc, ...
using WriteBody = BodyPieces(std::shared_ptr<const CollectedAnswers> all);
WriteBody chat_body, completion_body, response_body, score_body;

// {"prompt_tokens":..,"completion_tokens":..,"total_tokens":..}; if `details`, with what streams leave out
std::string usage_json(const Usage& usage, bool details);

class WholeAnswer final : public Presenter {
 public:
  WholeAnswer(std::shared_ptr<const AnswerContext> context, std::shared_ptr<Responder> responder);

  void token(std::size_t choice, const TokenEvent& event) override;
  void finish(std::size_t choice, const Finish& finish) override;
  void end(const Usage& usage) override;
  void fail(const ApiError& error, bool own) override;

 private:
  std::shared_ptr<CollectedAnswers> all_;
  std::shared_ptr<Responder> responder_;
};

}  // namespace verbatim::server
