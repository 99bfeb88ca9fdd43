#include "verify/verify_answers.h"

#include <algorithm>

#include "server/event_stream.h"
#include "verify/retelling.h"
#include "verify/sent_request.h"

namespace verbatim {
namespace {

using Form = SavedAnswer::Form;
using Outcome = Verdict::Outcome;

// ---- what a response says of itself, and nobody can compute ---------------------------------------

// The integer at the first of these places that is in the response, if it is one that a server may write there.
std::int64_t integer_at(const Json& response, std::initializer_list<const char*> places, std::int64_t most) {
  for (const char* place : places) {
    const Json::json_pointer pointer(place);
    if (!response.contains(pointer)) continue;
    const Json& value = response.at(pointer);
    if (value.is_number_unsigned() && value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most))
      return value.get<std::int64_t>();
  }
  return 0;
}

// REQUIRES: response is an object
NotRetold rest_of_body(const Json& response, const server::Call& call) {
  constexpr std::size_t kNonceDigits = 16;
  constexpr std::int64_t kLatest = std::int64_t{1} << 40;
  NotRetold rest;
  if (auto id = response.find("id"); id != response.end() && id->is_string()) {
    const auto& text = id->get_ref<const std::string&>();
    const std::string nonce = text.substr(text.size() - std::min(text.size(), kNonceDigits));
    if (server::is_nonce(nonce)) rest.nonce = nonce;
  }
  rest.created = integer_at(response, {"/created", "/created_at"}, kLatest);
  std::int64_t prompt_tokens = 0;
  for (const server::Prompt& prompt : call.prompts)
    prompt_tokens += static_cast<std::int64_t>(prompt.tokens.size());
  rest.cached_tokens = integer_at(
      response, {"/usage/prompt_tokens_details/cached_tokens", "/usage/input_tokens_details/cached_tokens"},
      prompt_tokens);
  if (call.choices() > 1) return rest;  // no prediction
  const std::int64_t most = call.requests.front().max_tokens;
  rest.accepted_prediction_tokens =
      integer_at(response, {"/usage/completion_tokens_details/accepted_prediction_tokens"}, most);
  rest.rejected_prediction_tokens =
      integer_at(response, {"/usage/completion_tokens_details/rejected_prediction_tokens"}, INT64_MAX);
  return rest;
}

// The first event's id names all of them.
std::optional<NotRetold> rest_of_stream(std::string_view stream) {
  constexpr std::string_view kId = "id: ";
  while (stream.starts_with(server::kKeepAliveText)) stream.remove_prefix(server::kKeepAliveText.size());
  if (!stream.starts_with(kId)) return std::nullopt;
  stream.remove_prefix(kId.size());
  auto id = server::parse_resume_id(stream.substr(0, stream.find('\n')));
  if (!id) return std::nullopt;
  return NotRetold{id->nonce, id->digest, id->created, id->event, 0, 0, 0};
}

// ---- responses ------------------------------------------------------------------------------------

Mismatch mismatch_of(const FirstDifference& difference) {
  return {
      "response" + difference.place,
      fmt::format("the receipt is right, but {} of the response beside it {}",
                  difference.place.empty() ? "the top" : difference.place.substr(1), difference.sentence)};
}

// What is wrong with a response whose receipts are valid; else what there is to say for it.
Result<std::string, Mismatch> judge_response(const SavedAnswer& answer, const Retelling& retelling,
                                             std::span<const SavedReceipt> receipts,
                                             std::span<const Verdict> verdicts) {
  const bool stream = answer.form == Form::stream;
  if (retelling.call().show.stream != stream)
    return Mismatch{"response", stream ? "the receipt is right, but no stream was asked for"
                                       : "the receipt is right, but a stream was asked for"};
  if (!stream) {
    const NotRetold rest = rest_of_body(answer.body, retelling.call());
    const Json expected = Json::parse(retelling.tell(receipts, verdicts, rest).front());
    if (auto difference = first_difference(answer.body, expected)) return mismatch_of(*difference);
    return std::string("the response around it is what a server writes for it");
  }
  auto rest = rest_of_stream(answer.stream);
  if (!rest) return Mismatch{"response/events/0", "the stream does not begin with the id of an event"};
  if (auto difference =
          first_difference(answer.stream, retelling.tell(receipts, verdicts, *rest), rest->first_event))
    return mismatch_of(*difference);
  return rest->first_event == 0
             ? "the stream around it is what a server writes for it"
             : fmt::format("the stream around it, from event {} on, is what a server writes for it",
                           rest->first_event);
}

// ---- all together ---------------------------------------------------------------------------------

// An answer on its way, with the place of its receipts among all.
struct Judging {
  SavedAnswer answer;  // its receipts are moved away
  std::size_t first = 0, count = 0;
  std::optional<Result<Retelling, Mismatch>> retelling;  // of a response whose receipts were all read
};

std::optional<Result<Retelling, Mismatch>> retelling_of(const SavedAnswer& answer,
                                                        const server::ServedModel& served) {
  const bool all_read =
      std::ranges::all_of(answer.receipts, [](const auto& one) { return one.receipt.ok(); });
  if (answer.form == Form::receipt || !all_read) return std::nullopt;
  return Retelling::create(answer.receipts, served);
}

void invalidate(Verdict& verdict, const Mismatch& mismatch) {
  verdict.outcome = Outcome::invalid;
  verdict.what = mismatch.what;
  verdict.sentence = mismatch.message;
}

bool is_valid(const Verdict& verdict) { return verdict.outcome == Outcome::valid; }

// What there is to say of the response around receipts, some of which are valid.
Result<std::string, Mismatch> said_of_response(const Judging& judging, std::span<const SavedReceipt> receipts,
                                               std::span<const Verdict> verdicts) {
  if (judging.retelling && !*judging.retelling) return judging.retelling->error();
  if (!judging.retelling || !std::ranges::all_of(verdicts, is_valid))
    return std::string("the response was not compared, as another of its receipts is not valid");
  return judge_response(judging.answer, **judging.retelling, receipts, verdicts);
}

void judge(const Judging& judging, std::span<const SavedReceipt> receipts, std::span<Verdict> verdicts) {
  if (judging.answer.form == Form::receipt || !std::ranges::any_of(verdicts, is_valid)) return;
  auto said = said_of_response(judging, receipts, verdicts);
  for (Verdict& verdict : verdicts) {
    if (!is_valid(verdict)) continue;
    said ? void(verdict.sentence += "; " + *said) : invalidate(verdict, said.error());
  }
}

void judge_request(SentRequest& sent, const Receipt& receipt, Verdict& verdict) {
  if (verdict.outcome != Outcome::valid) return;
  if (!receipt.show) {
    verdict.outcome = Outcome::not_verified;
    verdict.what = "show";
    verdict.sentence = "the receipt is of no request to a server, so there is none to compare";
  } else if (auto mismatch = sent.mismatch(receipt)) {
    invalidate(verdict, *mismatch);
  } else {
    verdict.sentence += "; the request is the one that was sent";
  }
}

}  // namespace

std::vector<JudgedReceipt> verify_answers(LoadedModel& loaded, const server::ServedModel& served,
                                          std::vector<SavedAnswer> answers,
                                          const VerifyAnswersOptions& options) {
  std::vector<SavedReceipt> receipts;
  std::vector<Judging> all;
  for (SavedAnswer& answer : answers) {
    Judging judging{{}, receipts.size(), answer.receipts.size(), retelling_of(answer, served)};
    for (SavedReceipt& saved : answer.receipts) {
      if (judging.retelling && *judging.retelling) {
        const GenerateRequest& asked = (*judging.retelling)->request_of(*saved.receipt);
        saved.receipt->request.logprobs = asked.logprobs;
        saved.receipt->request.prompt_logprobs = asked.prompt_logprobs;
      }
      receipts.push_back(std::move(saved));
    }
    judging.answer = std::move(answer);
    all.push_back(std::move(judging));
  }

  std::vector<Verdict> verdicts = verify_receipts(loaded, receipts, options.receipts);
  for (const Judging& judging : all)
    judge(judging, std::span(receipts).subspan(judging.first, judging.count),
          std::span(verdicts).subspan(judging.first, judging.count));
  if (options.request) {
    SentRequest sent(*options.request, served);
    for (std::size_t i = 0; i < receipts.size(); ++i)
      if (receipts[i].receipt) judge_request(sent, *receipts[i].receipt, verdicts[i]);
  }
  std::vector<JudgedReceipt> judged;
  for (std::size_t i = 0; i < receipts.size(); ++i)
    judged.push_back({std::move(receipts[i].where), std::move(verdicts[i])});
  return judged;
}

}  // namespace verbatim
