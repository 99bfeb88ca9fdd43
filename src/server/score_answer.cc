// /v1/score: log-probabilities of given texts.
#include "server/whole_answer.h"

namespace verbatim::server {
namespace {

BodyPieces scored_text(const AnswerContext& context, std::size_t index) {
  const Prompt& prompt = context.prompt_of(index);
  const TokenNames names = context.names();
  std::string out = fmt::format(R"({{"object":"score","index":{},"token_ids":)", index);
  append_json_ids(out, prompt.tokens);
  out += R"(,"tokens":[)";
  for (std::size_t i = 0; i < prompt.tokens.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, names.name(prompt.tokens[i]));
    if (is_piece(out)) co_yield out;
  }
  // Tokens that are not scored have null, so that the lists go side by side.
  const LogprobRows& scores = context.scores_of(index);
  const std::size_t unscored = prompt.tokens.size() - scores.size();
  out += R"(],"logprobs":[)";
  double sum = 0;  // one addition a token, in their order
  for (std::size_t i = 0; i < prompt.tokens.size(); ++i) {
    if (i > 0) out += ',';
    if (i < unscored) {
      out += "null";
      continue;
    }
    append_json_number(out, scores[i - unscored].chosen.logprob);
    sum += scores[i - unscored].chosen.logprob;
    if (is_piece(out)) co_yield out;
  }
  out += fmt::format(R"(],"scored_tokens":{},"sum_logprob":{})", scores.size(), sum);
  if (const std::int64_t top = *context.call.show.logprobs; top > 0) {
    out += R"(,"top_logprobs":)";
    BodyPieces lists = prompt_logprobs_json(scores, unscored, top, names);
    for (std::string piece; lists.next(piece);)
      if (is_piece(out += piece)) co_yield out;
  }
  co_yield out += '}';
}

}  // namespace

BodyPieces score_body(std::shared_ptr<const CollectedAnswers> all) {
  std::string out = all->context->head("score-", "list") + R"(,"data":[)";
  for (std::size_t i = 0; i < all->choices.size(); ++i) {
    if (i > 0) out += ',';
    BodyPieces text = scored_text(*all->context, i);
    for (std::string piece; text.next(piece);)
      if (is_piece(out += piece)) co_yield out;
  }
  co_yield out += R"(],"usage":)" + usage_json(all->usage, true) + '}';
}

}  // namespace verbatim::server
