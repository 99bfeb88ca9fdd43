// A response is accepted if it is what a server writes for its receipts, and for nothing else.
#include <random>

#include "base/utf8.h"
#include "thinning.h"
#include "verify/verify_fixture.h"

namespace verbatim {
namespace {

using server::TestServer;

std::string saved_answer(const Asked& asked, std::vector<server::Header> headers = {}) {
  static TestServer server;
  const server::HttpResponse response = server.ask(asked.path, asked.body, std::move(headers));
  EXPECT_EQ(response.status, 200) << response.body;
  server.wait_idle();
  return response.body;
}

TEST(Response, WhatServersWriteIsAccepted) {
  for (const Asked& asked : requests_of_every_kind()) {
    const std::string text = saved_answer(asked);
    const Json body = Json::parse(text);  // with its keys in another order
    const std::size_t receipts = body.contains("choices") ? body["choices"].size() : 1;
    for (const std::string& form :
         {text, body.dump(2), text + '\n' + text + '\n', Json::array({body}).dump()}) {
      const Judged judged = judge(form, sent(asked.body));
      EXPECT_EQ(judged.size() % receipts, 0u);
      EXPECT_TRUE(all_valid(judged)) << asked.body << '\n' << form << '\n' << described(judged);
      EXPECT_NE(judged[0].verdict.sentence.find("the response around it is what a server writes"),
                std::string::npos);
      EXPECT_TRUE(judged[0].verdict.sentence.ends_with("the request is the one that was sent"));
    }
  }
  for (const Asked& asked : streams_of_every_kind()) {
    std::string text = saved_answer(asked);
    EXPECT_TRUE(all_valid(judge(text, sent(asked.body)))) << asked.body << described(judge(text));
    text = ": waiting\n\n" + text;
    const std::size_t middle = text.find("\n\n", text.size() / 2) + 2;
    text = text.substr(0, middle) + ": waiting\n\n: waiting\n\n" + text.substr(middle);
    EXPECT_TRUE(all_valid(judge(text))) << asked.body << described(judge(text));
  }
}

TEST(Response, WhatLoadMadeOfItIsFree) {
  Json body = Json::parse(saved_answer(requests_of_every_kind()[1]));
  body["usage"]["prompt_tokens_details"]["cached_tokens"] = 1;
  body["usage"]["completion_tokens_details"]["accepted_prediction_tokens"] = 2;
  body["usage"]["completion_tokens_details"]["rejected_prediction_tokens"] = 9;
  body["created"] = 5;
  body["id"] = "cmpl-0123456789abcdef";
  expect_valid(judge(body.dump()), 1);
  body["usage"]["prompt_tokens_details"]["cached_tokens"] = 100;
  expect_invalid(judge(body.dump()), "response/usage/prompt_tokens_details/cached_tokens");
}

// ---- what was accepted once, or nearly ------------------------------------------------------------

TEST(Response, OtherTextIsNamedWhereverItStands) {
  const auto asked = requests_of_every_kind();
  const Json whole = Json::parse(saved_answer(asked[0])), chat = Json::parse(saved_answer(asked[6])),
             called = Json::parse(saved_answer(asked[9])), response = Json::parse(saved_answer(asked[12]));
  ASSERT_EQ(called["choices"][0]["finish_reason"], "tool_calls") << called;
  struct Attack {
    const char* what;
    Json body;
  };
  std::vector<Attack> attacks;
  auto attack = [&](const char* what, Json body) -> Json& {
    return attacks.emplace_back(Attack{what, std::move(body)}).body;
  };
  attack("response/choices/0/text", whole)["choices"][0]["text"] = "Yes.";
  attack("response/choices/0/id", whole)["choices"][0]["id"] = "other";
  attack("response/choices/1/index", whole)["choices"][1]["index"] = 0;
  attack("response/choices/0/finish_reason", whole)["choices"][0]["finish_reason"] = "content_filter";
  attack("response/id", whole)["id"] = "cmpl-1";
  attack("response/created", whole)["created"] = "now";
  attack("response/model", whole)["model"] = "gpt";
  attack("response/object", whole)["object"] = "list";
  attack("response/system_fingerprint", whole)["system_fingerprint"] = "fp_0";
  attack("response/usage/total_tokens", whole)["usage"]["total_tokens"] = 1;
  attack("response/usage/x", whole)["usage"]["x"] = whole;
  attack("response/text", whole)["text"] = "Yes.";
  attack("response/error", whole)["error"] = nullptr;
  attack("response/choices/0/message/reasoning", chat)["choices"][0]["message"]["reasoning"] = "Yes.";
  attack("response/choices/1/message/reasoning_content", chat)["choices"][1]["message"]["reasoning_content"] =
      "Yes.";
  Json& echoed = attack("response/choices/0/message/content", chat)["choices"][0]["message"]["content"];
  echoed = "<user> Hello there\n<assistant>" + echoed.get<std::string>();
  attack("response/choices/0/logprobs/content/2/logprob",
         chat)["choices"][0]["logprobs"]["content"][2]["logprob"] = -1;
  attack("response/choices/0/message/tool_calls", chat)["choices"][0]["message"]["tool_calls"] =
      called["choices"][0]["message"]["tool_calls"];
  attack("response/choices/0/message/tool_calls/0/function/name",
         called)["choices"][0]["message"]["tool_calls"][0]["function"]["name"] = "pay";
  attack("response/choices/0/message/tool_calls/0/id",
         called)["choices"][0]["message"]["tool_calls"][0]["id"] = "call_1";
  attack("response/output/0/content/0/text", response)["output"][0]["content"][0]["text"] = "Yes.";
  attack("response/output/1", response)["output"].push_back(response["output"][0]);
  attack("response/status", response)["status"] = "failed";
  Json& swapped = attack("response/choices/0/index", whole)["choices"];
  std::swap(swapped[0], swapped[1]);
  for (const auto& [what, body] : attacks) {
    const Judged judged = judge(body.dump());
    EXPECT_FALSE(judged.empty());
    expect_invalid(judged, what);
  }

  // Receipts that are gone, that come twice, and those of another request.
  Json fewer = whole, twice = whole, mixed = whole;
  fewer["choices"].erase(3);
  expect_invalid(judge(fewer.dump()), "response");
  fewer["choices"].erase(2);
  expect_invalid(judge(fewer.dump()), "response");
  twice["choices"].push_back(whole["choices"][0]);
  expect_invalid(judge(twice.dump()), "response");
  mixed["choices"][0] = Json::parse(saved_answer(asked[1]))["choices"][0];
  expect_invalid(judge(mixed.dump()), "show");
}

// An honest response inside of something else lends it nothing.
TEST(Response, WhatIsNoResponseIsNotVerified) {
  const Json honest = Json::parse(saved_answer(requests_of_every_kind()[0]));
  const Json shell = {{"id", "cmpl-1"}, {"choices", Json::array({{{"index", 0}, {"text", "Yes."}}})}};
  Json in_usage = shell, in_choice = shell, plain = honest;
  in_usage["usage"] = honest;
  in_choice["choices"][0]["usage"] = honest;
  for (Json& choice : plain["choices"]) choice.erase("receipt");
  for (const Json& body : {in_usage, in_choice, plain, Json{{"response", honest}},
                           Json{{"answer", Json::array({honest})}}, Json(5)}) {
    const Judged judged = judge(body.dump());
    ASSERT_EQ(judged.size(), 1u);
    EXPECT_EQ(judged[0].verdict.outcome, Outcome::not_verified);
    EXPECT_NE(judged[0].verdict.sentence.find("holds no receipt where"), std::string::npos);
  }
  Json beside = in_usage;  // at the right place, and of another answer
  beside["choices"][0]["receipt"] = honest["choices"][0]["receipt"];
  expect_invalid(judge(beside.dump()), "response");
  Json list = Json::array({honest, shell});
  EXPECT_EQ(judge(list.dump()).size(), 5u);
  EXPECT_FALSE(all_valid(judge(list.dump())));
}

// A receipt alone shows nothing, and is valid; one that says that no response shows it stands in none.
TEST(Response, AReceiptOfARunStandsAlone) {
  const Json honest = Json::parse(saved_answer(requests_of_every_kind()[1]));
  expect_valid(judge(honest["choices"][0]["receipt"].dump()), 1);
  EXPECT_EQ(judge(honest["choices"][0]["receipt"].dump())[0].verdict.sentence, "not signed");
}

// ---- any edit --------------------------------------------------------------------------------------

class Editor {
 public:
  explicit Editor(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }

  // Something in the value, or the value itself, is another.
  void edit(Json& value) {
    while (value.is_structured() && !value.empty() && below(6) != 0) return edit(any(value));
    if (value.is_object()) return edit_object(value);
    if (value.is_array()) return edit_array(value);
    if (value.is_string()) return void(value = replace_ill_formed(edited(value.get<std::string>())));
    if (value.is_boolean()) return void(value = !value.get<bool>());
    value = below(3) == 0 ? Json("Yes") : value.is_null() ? Json(0) : Json(value.get<double>() + 1);
  }
  // Bytes, lines or events are.
  std::string edited(std::string text) {
    if (text.empty()) return "Yes";
    const std::size_t at = below(text.size()), size = 1 + below(3);
    switch (below(4)) {
      case 0:
        return text.erase(at, size);
      case 1:
        return text.insert(at, text.substr(below(text.size()), size));
      case 2:
        text[at] = text[at] == 'a' ? 'b' : 'a';
        return text;
      default:
        return text + (below(2) == 0 ? text : "Yes");
    }
  }

 private:
  Json& any(Json& value) {
    auto it = value.begin();
    std::advance(it, below(value.size()));
    return *it;
  }
  void edit_object(Json& value) {
    constexpr const char* kKeys[] = {"text", "content", "id", "reasoning_content", "index", "receipt", "x"};
    if (value.empty() || below(2) == 0) return void(value[kKeys[below(std::size(kKeys))]] = "Yes");
    auto it = value.begin();
    std::advance(it, below(value.size()));
    value.erase(it);
  }
  void edit_array(Json& value) {
    if (value.empty() || below(3) == 0) return value.push_back(value.empty() ? Json("Yes") : any(value));
    if (below(2) == 0) return value.erase(below(value.size()));
    std::swap(any(value), any(value));
  }

  std::mt19937 random_;
};

// Without what is free.
Json bits_of_response(const Json& body) {
  Json bits = server::bits_of_answer(body);
  bits.erase("created_at");
  if (bits["usage"].is_object() && bits["usage"]["input_tokens_details"].is_object())
    bits["usage"]["input_tokens_details"].erase("cached_tokens");
  return bits;
}

TEST(Response, EveryEditOfABodyIsFound) {
  Editor editor(1);
  int edits = 0;
  for (const Asked& asked : requests_of_every_kind()) {
    const Json honest = Json::parse(saved_answer(asked));
    for (int i = 0; i < 300; ++i) {
      Json body = honest;
      editor.edit(body);
      if (!kept(i) || bits_of_response(body) == bits_of_response(honest)) continue;
      ++edits;
      const Judged judged = judge(body.dump());
      EXPECT_FALSE(judged.empty() || all_valid(judged)) << Json::diff(honest, body) << described(judged);
    }
  }
  EXPECT_GT(edits, 2000 / kThinning);
}

TEST(Response, EveryEditOfAStreamIsFound) {
  Editor editor(2);
  for (const Asked& asked : streams_of_every_kind()) {
    const std::string honest = saved_answer(asked);
    std::vector<std::string> events;
    for (std::size_t at = 0; at < honest.size(); at += events.back().size())
      events.push_back(honest.substr(at, honest.find("\n\n", at) + 2 - at));
    for (int i = 0; i < 150; ++i) {
      std::vector<std::string> edited = events;
      auto at = edited.begin() + static_cast<std::ptrdiff_t>(editor.below(edited.size()));
      switch (editor.below(6)) {
        case 0:
          edited.insert(at, events[editor.below(events.size())]);
          break;
        case 1:
          if (at != edited.begin()) edited.erase(at);  // a stream may be saved from an event on
          break;
        case 2:
          std::swap(*at, edited[editor.below(edited.size())]);
          break;
        case 3:
          edited.push_back(std::array{"data: {\"choices\":[{\"index\":0,\"text\":\"Yes.\"}]}\n\n",
                                      ": yes\n\n", "\n", "data: [DONE]\n\n",
                                      "event: x\n\n"}[editor.below(5)]);
          break;
        case 4:
          at->replace(at->find('\n'), 1, "\r\n");
          break;
        default:
          *at = editor.edited(*at);
      }
      std::string text;
      for (const std::string& event : edited) text += event;
      if (!kept(i) || text == honest) continue;
      const Judged judged = judge(text);
      EXPECT_FALSE(judged.empty() || all_valid(judged)) << text << described(judged);
    }
  }
}

// ---- streams --------------------------------------------------------------------------------------

TEST(Response, StreamsAreNamedByEvent) {
  Asked asked = streams_of_every_kind()[0];
  const std::string honest = saved_answer(asked);
  const auto events = server::events_of(honest);
  std::string other = honest;
  other.replace(other.find("\"index\":2"), 9, "\"index\":1");
  expect_invalid(judge(other), "response/events/2/choices/0/index");
  expect_invalid(judge(honest + "data: {\"choices\":[{\"index\":0,\"text\":\" Yes.\"}]}\n\n"),
                 fmt::format("response/events/{}", events.size()));
  const std::size_t second = honest.find("\n\n") + 2, third = honest.find("\n\n", second) + 2;
  const Judged without = judge(honest.substr(0, second) + honest.substr(third));
  expect_invalid(without, "response/events/1");
  EXPECT_TRUE(without[0].verdict.sentence.ends_with("is missing")) << described(without);
  const std::size_t last = honest.rfind("id: ");
  expect_invalid(judge(honest.substr(0, last)), fmt::format("response/events/{}", events.size() - 1));
  std::string carriage = honest;
  carriage.insert(carriage.find('\n', honest.find("\n\n") + 2), "\r");
  expect_invalid(judge(carriage), "response/events/1");
  expect_invalid(judge(honest + honest), "response");
  expect_invalid(judge("data: " + honest), "response/events/0");

  const std::string id = events[3].id;
  const std::string rest = saved_answer(asked, {{"Last-Event-ID", id}});
  const Judged tail = judge(rest);
  expect_valid(tail, 4);
  EXPECT_NE(tail[0].verdict.sentence.find("from event 4 on"), std::string::npos);
  ASSERT_TRUE(honest.ends_with(rest));
}

TEST(Response, WhatWasAskedAsAStreamIsNoBody) {
  Asked asked = streams_of_every_kind()[1];
  const std::string stream = saved_answer(asked);
  asked.body.erase("stream"), asked.body.erase("stream_options");
  Json body = Json::parse(saved_answer(asked));
  for (const auto& event : server::events_of(stream)) {
    const Json json = event.json();
    if (json.is_object() && !json["choices"].empty() && json["choices"][0].contains("receipt"))
      body["choices"][0]["receipt"] = json["choices"][0]["receipt"];
  }
  expect_invalid(judge(body.dump()), "response");
}

}  // namespace
}  // namespace verbatim
