// /v1/score: log-probabilities of given texts.
#include "server/whole_answer.h"

namespace verbatim::server {
namespace {

std::string text_json(const AnswerContext& context, std::size_t index) {
  const Prompt& prompt = context.prompt_of(index);
  TokenNames names = context.names();
  std::string out = fmt::format(R"({{"object":"score","index":{},"token_ids":)", index);
  append_json_ids(out, prompt.tokens);
  out += R"(,"tokens":[)";
  for (std::size_t i = 0; i < prompt.tokens.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, names.name(prompt.tokens[i]));
  }
  // Tokens that are not scored have null, so that the lists go side by side.
  const std::vector<Logprobs>& scores = context.scores_of(index);
  std::size_t unscored = prompt.tokens.size() - scores.size();
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
  }
  out += fmt::format(R"(],"scored_tokens":{},"sum_logprob":{})", scores.size(), sum);
  if (*context.call.show.logprobs > 0)
    out += R"(,"top_logprobs":)" + prompt_logprobs_json(scores, unscored, *context.call.show.logprobs, names);
  return out + '}';
}

}  // namespace

std::string score_body(const AnswerContext& context, const std::vector<ChoiceAnswer>& answers,
                       const Usage& usage) {
  std::string out = context.head("score-", "list") + R"(,"data":[)";
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i > 0) out += ',';
    out += text_json(context, i);
  }
  return out + R"(],"usage":)" + usage_json(usage, true) + '}';
}

}  // namespace verbatim::server
