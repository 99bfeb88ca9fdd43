// A response says what its receipts say, in every form in which people read it.
#include <gtest/gtest.h>

#include <functional>

#include "base/utf8.h"
#include "receipt/receipt_fixture.h"

namespace verbatim {
namespace {

using Json = nlohmann::json;
using Outcome = Verdict::Outcome;
using Edit = std::function<void(Json&)>;

// One answer, and the responses of the API that show it.
struct Shown {
  explicit Shown(std::uint32_t seed) {
    std::mt19937 random(seed);
    GenerateRequest request = rich_request(random);
    while (request.max_tokens < 8 || request.constraint != nullptr || !request.stop_strings.empty())
      request = rich_request(random);
    auto sink = answer_alone(tiny_model(), request);
    made = sink->receipts.at(0);
    text = replace_ill_formed(sink->text.at(0));
    reason = made.reason == FinishReason::stop ? "stop" : "length";
    receipt = Json::parse(to_json_text(made));
  }
  Json completion() const {
    return {{"id", "cmpl-1"},
            {"choices",
             {{{"index", 0},
               {"text", text},
               {"finish_reason", reason},
               {"token_ids", made.tokens},
               {"receipt", receipt}}}},
            {"usage", {{"prompt_tokens", 3}}}};
  }
  Json chat() const {
    return {{"id", "chatcmpl-1"},
            {"choices",
             {{{"index", 0},
               {"message", {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}}},
               {"finish_reason", reason},
               {"receipt", receipt}}}},
            {"usage", {{"prompt_tokens", 3}}}};
  }
  Json response() const {
    return {{"id", "resp_1"},
            {"status", reason == "stop" ? "completed" : "incomplete"},
            {"output", {{{"id", "msg_1"}, {"content", {{{"type", "output_text"}, {"text", text}}}}}}},
            {"usage", {{"input_tokens", 3}}},
            {"receipt", receipt}};
  }

  Receipt made;
  std::string text, reason;
  Json receipt;
};

Verdict verify(const Json& response) { return verify_text(tiny_model(), response.dump()); }

TEST(Response, ItsTextReasonAndTokensAreTheReceipts) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Shown shown(seed);
    for (const Json& response : {shown.completion(), shown.chat(), shown.response()}) {
      const Verdict verdict = verify(response);
      EXPECT_EQ(verdict.outcome, Outcome::valid) << verdict.sentence << response;
      EXPECT_EQ(verdict.text, shown.text);
      EXPECT_TRUE(shown.text.empty() || verdict.sentence.ends_with("; the text beside it is the answer's"));
    }
  }
}

TEST(Response, ForgeriesAreNamed) {
  const Shown shown(3);
  ASSERT_FALSE(shown.text.empty());
  auto choice = [](Json& r) -> Json& { return r["choices"][0]; };
  const std::tuple<const char*, Json, Edit> forgeries[] = {
      {"response.text", shown.completion(), [&](Json& r) { choice(r)["text"] = "Yes."; }},
      {"response.text", shown.completion(),
       [&](Json& r) { choice(r)["text"] = "Yes.", r.erase("usage"), r.erase("id"); }},
      {"response.text", shown.completion(), [&](Json& r) { choice(r)["text"] = "Yes. " + shown.text; }},
      {"response.text", shown.completion(), [&](Json& r) { choice(r)["text"] = shown.text + "!"; }},
      {"response.text", shown.completion(), [&](Json& r) { choice(r)["text"] = shown.text.substr(1); }},
      {"response.text", shown.completion(),
       [&](Json& r) {
         choice(r)["message"] = {{"content", "Yes."}};
       }},
      {"response.text", shown.completion(), [&](Json& r) { r = choice(r), r["text"] = "Yes."; }},
      {"response.text", shown.completion(), [&](Json& r) { choice(r)["text"] = 5; }},
      {"response.finish_reason", shown.completion(),
       [&](Json& r) { choice(r)["finish_reason"] = shown.reason == "stop" ? "length" : "stop"; }},
      {"response.finish_reason", shown.completion(), [&](Json& r) { choice(r)["finish_reason"] = 5; }},
      {"response.token_ids", shown.completion(), [&](Json& r) { choice(r)["token_ids"].push_back(3); }},
      {"response.token_ids", shown.completion(),
       [&](Json& r) { choice(r)["token_ids"][0] = (std::int64_t{1} << 32) + shown.made.tokens[0]; }},
      {"response.token_ids", shown.completion(), [&](Json& r) { choice(r)["token_ids"] = "3"; }},
      {"response.text", shown.chat(), [&](Json& r) { choice(r)["message"]["content"] = "Yes."; }},
      {"response.text", shown.chat(), [&](Json& r) { choice(r)["message"]["refusal"] = "No."; }},
      {"response.text", shown.chat(), [&](Json& r) { choice(r)["message"]["reasoning_content"] = "So: "; }},
      {"response.text", shown.chat(),
       [&](Json& r) {
         choice(r)["delta"] = {{"content", "Yes."}};
       }},
      {"response.content", shown.chat(),
       [&](Json& r) {
         choice(r)["message"]["content"] = {{{"type", "text"}, {"text", "Yes."}}};
       }},
      {"response.text", shown.response(), [](Json& r) { r["output"][0]["content"][0]["text"] = "Yes."; }},
      {"response.text", shown.response(), [](Json& r) { r["output"].push_back(r["output"][0]); }},
      {"response.text", shown.response(),
       [](Json& r) {
         r["output"][0]["content"].push_back({{"refusal", "No."}});
       }},
      {"response.text", shown.response(),
       [](Json& r) {
         r["message"] = {{"content", "Yes."}};
       }},
      {"response.output", shown.response(),
       [](Json& r) {
         r["output"].push_back({{"text", "Yes."}});
       }},
      {"response.output", shown.response(), [](Json& r) { r["output"] = "Yes."; }},
      {"response.finish_reason", shown.response(),
       [&](Json& r) { r["status"] = shown.reason == "stop" ? "incomplete" : "completed"; }},
  };
  for (const auto& [what, good, edit] : forgeries) {
    EXPECT_EQ(verify(good).outcome, Outcome::valid);
    Json bad = good;
    edit(bad);
    const Verdict verdict = verify(bad);
    EXPECT_EQ(verdict.outcome, Outcome::invalid) << bad;
    EXPECT_EQ(verdict.what, what) << verdict.sentence << bad;
  }
}

TEST(Response, WhatStandsBeforeAnAnswerIsItsPrompt) {
  const Shown shown(3);
  const Tokenizer& tokenizer = *tiny_model().tokenizer;
  Json echo = shown.completion();
  echo["choices"][0]["text"] = tokenizer.decode(shown.made.request.prompt) + shown.text;
  EXPECT_EQ(verify(echo).outcome, Outcome::valid) << verify(echo).sentence;

  GenerateRequest request;
  const std::string prompt = "<s> caf\xC3\xA9";  // a text that decoding does not give back
  request.prompt = *tokenizer.encode(prompt, {true, true});
  request.hidden = true;
  auto sink = answer_alone(tiny_model(), request);
  ASSERT_NE(tokenizer.decode(request.prompt), prompt);
  echo["choices"][0] = {{"text", prompt + replace_ill_formed(sink->text.at(0))},
                        {"receipt", Json::parse(to_json_text(sink->receipts.at(0)))}};
  EXPECT_EQ(verify(echo).outcome, Outcome::valid) << verify(echo).sentence;
  echo["choices"][0]["text"] = "x" + echo["choices"][0]["text"].get<std::string>();
  EXPECT_EQ(verify(echo).what, "response.text");
}

TEST(Response, ToolCallsAreSaidNotToBeCompared) {
  Json called = Shown(3).chat();
  called["choices"][0]["message"]["tool_calls"] = {{{"function", {{"name", "f"}, {"arguments", "{}"}}}}};
  called["choices"][0]["message"]["content"] = "whatever";
  const Verdict verdict = verify(called);
  EXPECT_EQ(verdict.outcome, Outcome::valid);
  EXPECT_NE(verdict.sentence.find("the tool calls beside it were not compared"), std::string::npos);
}

TEST(Response, AReceiptThatIsNoneIsAnEntry) {
  Json response = Shown(3).completion();
  response["choices"].push_back({{"index", 1}, {"text", "Yes."}, {"receipt", {{"version", "1"}}}});
  auto found = find_receipts(response.dump(), "f");
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 2u);
  EXPECT_TRUE((*found)[0].receipt.ok());
  EXPECT_EQ((*found)[1].receipt.error().message, "f choices/1/receipt: format is missing");
}

TEST(Response, AnAnswerWithoutAReceiptBesideOthersIsAnEntry) {
  Json response = Shown(3).completion(), silent = response;
  response["choices"].push_back({{"index", 1}, {"text", "Yes."}});
  response["choices"].push_back({{"index", 0}, {"text", "Yes."}});  // once more
  auto found = find_receipts(response.dump(), "f");
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ((*found)[1].receipt.error().message,
            "f choice 0: has no receipt, and others of its response have one");
  EXPECT_EQ((*found)[2].where, "f choice 1");
  Json others = Json::array({silent, {{"id", "cmpl-2"}, {"choices", {{{"index", 0}, {"text", "Yes."}}}}}});
  EXPECT_EQ(find_receipts(others.dump(), "f")->size(), 1u) << "nobody asked for a receipt of this one";
}

// ---- streams --------------------------------------------------------------------------------------

// The events of two choices, by turns, as pieces of a few characters.
std::vector<Json> events_of(const Shown& a, const Shown& b, const std::string& key) {
  std::vector<Json> events;
  auto event = [&](int index, const Json& piece, const Json& reason) -> Json& {
    Json choice = {{"index", index}, {"finish_reason", reason}};
    key == "delta" ? choice["delta"] = {{"content", piece}} : choice[key] = piece;
    return events.emplace_back(Json{{"id", "x-1"}, {"choices", {choice}}})["choices"][0];
  };
  auto cut = [](const std::string& text, std::size_t at) {  // whole characters
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    return std::min(at, text.size());
  };
  for (std::size_t at = 0; at < std::max(a.text.size(), b.text.size()); at += 3) {
    int index = 0;
    for (const Shown* one : {&a, &b}) {
      const std::size_t begin = cut(one->text, at), end = cut(one->text, at + 3);
      if (begin < end) event(index, one->text.substr(begin, end - begin), nullptr);
      ++index;
    }
  }
  event(1, "", b.reason)["receipt"] = b.receipt;
  event(0, "", a.reason)["receipt"] = a.receipt;
  return events;
}

std::vector<Verdict> verify_stream(const std::vector<Json>& events) {
  std::string text;
  for (std::size_t i = 0; i < events.size(); ++i) {
    text += fmt::format("event: piece\ndata: {}\nid: {}\n\n", events[i].dump(), i);
    if (i % 4 == 0) text += ": still here\r\n\r\n";
  }
  auto found = find_receipts(text + "data: [DONE]\n\n", "f");
  CHECK(found.ok(), "{}", found.error().message);
  return verify_receipts(tiny_model(), *found, {});
}

TEST(Response, PiecesOfAStreamAreJoined) {
  const Shown a(3), b(4);
  ASSERT_FALSE(a.text.empty() || b.text.empty());
  for (const char* key : {"text", "delta"}) {
    const std::vector<Json> events = events_of(a, b, key);
    for (const Verdict& verdict : verify_stream(events)) {
      EXPECT_EQ(verdict.outcome, Outcome::valid) << verdict.sentence;
      EXPECT_TRUE(verdict.sentence.ends_with("; the text beside it is the answer's"));
    }
    for (std::size_t i = 0; i + 2 < events.size(); ++i) {
      std::vector<Json> without = events, edited = events;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      Json& choice = edited[i]["choices"][0];
      (key == std::string("text") ? choice["text"] : choice["delta"]["content"]) = "Yes";
      const std::size_t receipt = choice["index"] == 1 ? 0 : 1;  // the second choice's comes first
      EXPECT_EQ(verify_stream(without)[receipt].what, "response.text") << i;
      EXPECT_EQ(verify_stream(edited)[receipt].what, "response.text") << i;
      EXPECT_EQ(verify_stream(edited)[1 - receipt].outcome, Outcome::valid) << i;
    }
    // Twice in one file, and the last events alone.
    std::vector<Json> twice = events, last(events.end() - 2, events.end());
    twice.insert(twice.end(), events.begin(), events.end());
    for (const auto& stream : {twice, last}) {
      for (const Verdict& verdict : verify_stream(stream))
        EXPECT_EQ(verdict.outcome, Outcome::valid) << verdict.sentence;
    }
  }
}

TEST(Response, NoLineIsPassedOver) {
  const std::string line = Shown(3).completion().dump() + '\n';
  auto lists = find_receipts(line + "[" + Shown(4).receipt.dump() + "]\n", "f");
  ASSERT_TRUE(lists.ok());
  EXPECT_EQ(lists->size(), 2u);
  auto garbage = find_receipts(line + "curl: (18) transfer closed\n" + line, "f");
  ASSERT_FALSE(garbage.ok());
  EXPECT_TRUE(garbage.error().message.starts_with("f:2: ")) << garbage.error().message;
}

}  // namespace
}  // namespace verbatim
