// WholeAnswer: collects the answers to one call and writes them as one body.
#pragma once

#include "server/presenter.h"

namespace verbatim::server {

struct ChoiceAnswer {
  std::string text;
  std::vector<std::int32_t> tokens;
  std::vector<Logprobs> logprobs;
  Finish finish;
};

// What an endpoint's body is; one file each: chat_answer.cc, completion_answer.cc, ...
std::string chat_body(const AnswerContext& context, const std::vector<ChoiceAnswer>& answers,
                      const Usage& usage);
std::string completion_body(const AnswerContext& context, const std::vector<ChoiceAnswer>& answers,
                            const Usage& usage);
std::string response_body(const AnswerContext& context, const std::vector<ChoiceAnswer>& answers,
                          const Usage& usage);
std::string score_body(const AnswerContext& context, const std::vector<ChoiceAnswer>& answers,
                       const Usage& usage);

// {"prompt_tokens":..,"completion_tokens":..,"total_tokens":..}; if `details`, with what streams leave out
std::string usage_json(const Usage& usage, bool details);

class WholeAnswer final : public Presenter {
 public:
  WholeAnswer(const AnswerContext& context, std::shared_ptr<Responder> responder)
      : context_(context), responder_(std::move(responder)), answers_(context.call.choices()) {}

  void token(std::size_t choice, const TokenEvent& event) override;
  void finish(std::size_t choice, const Finish& finish) override;
  void end(const Usage& usage) override;
  void fail(const ApiError& error, bool own) override;

 private:
  const AnswerContext& context_;
  std::shared_ptr<Responder> responder_;
  std::vector<ChoiceAnswer> answers_;
};

}  // namespace verbatim::server
