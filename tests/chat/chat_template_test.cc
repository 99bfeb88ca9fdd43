#include "chat/chat_template.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <utility>

#include "json/library.h"

namespace verbatim {
namespace {

using Json = nlohmann::ordered_json;

Json parts(std::initializer_list<const char*> texts) {
  Json list = Json::array();
  for (const char* text : texts) list.push_back({{"type", "text"}, {"text", text}});
  return list;
}

Json user(Json content) { return Json::array({{{"role", "user"}, {"content", std::move(content)}}}); }

std::string outcome(const char* source, const Json& messages, const Json& tools = nullptr,
                    const Json& kwargs = nullptr, const ChatOptions& options = {}) {
  const Result<ChatTemplate> chat = ChatTemplate::create(source);
  if (!chat.ok()) return "load: " + chat.error().message;
  const Result<std::string> text = chat->render(messages, tools, kwargs, options);
  return text.ok() ? *text : "error: " + text.error().message;
}

constexpr const char* kText = "{% for m in messages %}<{{ m.role }}>{{ m.content + '' }}{% endfor %}";
constexpr const char* kParts =
    "{% for m in messages %}<{{ m.role }}>{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endfor %}";
constexpr const char* kBoth =
    "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}[{{ "
    "p.text "
    "}}]{% endfor %}{% endif %}{% endfor %}";

TEST(Content, TakesTheFormThatTheTemplateReads) {
  EXPECT_EQ(outcome(kText, user("a")), "<user>a");
  EXPECT_EQ(outcome(kText, user(parts({"a", "b"}))), "<user>a\nb");
  EXPECT_EQ(outcome(kText, user(Json::array())), "<user>");
  EXPECT_EQ(outcome(kParts, user("a")), "<user>[a]");
  EXPECT_EQ(outcome(kParts, user(parts({"a", "b"}))), "<user>[a][b]");
  EXPECT_EQ(outcome(kBoth, user(parts({"a", "b"}))), "[a][b]");
  EXPECT_EQ(outcome(kBoth, user("a")), "a");
  // A template that would print the list itself does not read it.
  EXPECT_EQ(outcome("{% for m in messages %}{{ m.content }}{% endfor %}", user(parts({"a", "b"}))), "a\nb");
}

TEST(Content, OfOtherKindsIsRefusedByName) {
  Json messages = user(parts({"a"}));
  messages[0]["content"].push_back({{"type", "image_url"}, {"image_url", {{"url", "x"}}}});
  for (const char* source : {kText, kParts}) {
    EXPECT_EQ(
        outcome(source, messages),
        "error: messages[0].content[1].type 'image_url' is not supported: this model reads text parts only");
  }
  EXPECT_EQ(outcome(kText, user(5)),
            "error: messages[0].content must be a string, an array of parts, or null");
  EXPECT_EQ(outcome(kText, user(Json::array({5}))),
            "error: messages[0].content[0] must be an object with a 'type'");
  EXPECT_EQ(outcome(kText, user(Json::array({{{"type", "text"}}}))),
            "error: messages[0].content[0].text must be a string");
}

TEST(Content, NullBecomesEmptyOnlyWhereItMust) {
  const Json messages = Json::array({{{"role", "assistant"}, {"content", nullptr}}});
  EXPECT_EQ(outcome("{% for m in messages %}{{ m.content is none }}{% endfor %}", messages), "True");
  EXPECT_EQ(outcome("{% for m in messages %}<{{ m.content + '' }}>{% endfor %}", messages), "<>");
  EXPECT_EQ(outcome("{% for m in messages %}<{{ m.content }}>{% endfor %}", messages), "<>");
}

// Also where it is seen in one kind of turn only: before a tool's, or before another question.
TEST(Content, NullBecomesEmptyWhereAFurtherTurnShowsIt) {
  const Json messages = Json::parse(R"([{"role": "user", "content": "a"},
      {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
      {"role": "tool", "content": "b"}, {"role": "user", "content": "c"}])");
  const std::pair<const char*, const char*> prints_when[] = {
      {"{{ m.content }}", "not loop.last and loop.nextitem.role == 'tool'"},
      {"{{ m.content.split('</think>')[-1] }}", "m.role == 'assistant' and not loop.last"},
      {"{{ m.content | tojson | replace('\"', '') }}", "m.role == 'assistant' and not loop.last"}};
  for (const auto& [prints, when] : prints_when) {
    const std::string source = fmt::format(
        "{{% for m in messages %}}{{% for c in m.tool_calls or [] %}}{{{{ c.function.arguments }}}}"
        "{{% endfor %}}{{% if m.role == 'tool' %}}{{{{ m.content }}}}{{% elif {} %}}{}"
        "{{% else %}}-{{% endif %}}{{% endfor %}}",
        when, prints);
    EXPECT_EQ(outcome(source.c_str(), messages), "-{}b-") << source;
  }
}

// ---- continuing the final message -----------------------------------------------------------------

TEST(Continuation, EndsWhereTheTextOfTheFinalMessageDoes) {
  const ChatOptions options{.add_generation_prompt = false, .continue_final_message = true};
  const Json messages = Json::array({{{"role", "user"}, {"content", "Say hello"}},
                                     {{"role", "assistant"}, {"content", "Hello, my dear "}}});
  auto continued = [&](const char* source, const Json& conversation) {
    return outcome(source, conversation, nullptr, nullptr, options);
  };
  constexpr const char* kPlain = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}";
  constexpr const char* kTrimming =
      "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</>{% endfor %}";
  EXPECT_EQ(continued(kPlain, messages), "<user>Say hello</><assistant>Hello, my dear ");
  EXPECT_EQ(continued(kTrimming, messages), "<user>Say hello</><assistant>Hello, my dear");
  Json listed = user(parts({"a", "b"}));
  EXPECT_EQ(continued(kParts, listed), "<user>[a][b");
  EXPECT_EQ(continued(kPlain, listed), "<user>a\nb");

  EXPECT_EQ(
      continued("{{ messages | length }}", messages),
      "error: the chat template does not write the end of the final message, so it cannot be continued");
  EXPECT_EQ(continued(kPlain, Json::array()),
            "error: messages is empty: there is no final message to continue");
  for (const Json& none : {Json(nullptr), Json::array()}) {
    EXPECT_EQ(continued(kParts, Json::array({{{"role", "assistant"}, {"content", none}}})),
              "error: messages[0].content holds no text to continue");
  }
}

Json calling(Json arguments) {
  const Json call = {
      {"id", "1"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", arguments}}}};
  return Json::array({{{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array({call})}}});
}

TEST(ToolCalls, ArgumentsTakeTheFormThatTheTemplateReads) {
  constexpr const char* kObject =
      "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.arguments|tojson }}{% endfor %}{% "
      "endfor %}";
  constexpr const char* kString =
      "{% for m in messages %}{% for c in m.tool_calls %}{{ 'f(' + c.function.arguments + ')' }}{% endfor "
      "%}{% endfor %}";
  EXPECT_EQ(outcome(kObject, calling("{\"a\":1.0,\"b\":[]}")), "{\"a\": 1.0, \"b\": []}");
  EXPECT_EQ(outcome(kObject, calling({{"a", 1}})), "{\"a\": 1}");
  EXPECT_EQ(outcome(kObject, calling("")), "{}");
  EXPECT_EQ(outcome(kString, calling("{\"a\":1.0}")), "f({\"a\":1.0})");
  EXPECT_EQ(outcome(kString, calling({{"a", 1}})), "f({\"a\":1})");
  EXPECT_EQ(outcome(kObject, calling("[1]")),
            "error: messages[0].tool_calls[0].function.arguments is not the text of a JSON object");
  const std::string refused =
      "error: messages[0].tool_calls[0].function.arguments is not the text of a JSON object: ";
  EXPECT_TRUE(outcome(kObject, calling("{")).starts_with(refused + "parse error"));
  // Read and copied without a limit, this overran the stack.
  const std::string deep = "{\"a\":" + std::string(80'000, '[') + std::string(80'000, ']') + "}";
  EXPECT_EQ(outcome(kObject, calling(deep)), refused + "nested deeper than 512");
}

TEST(Variables, AreThoseOfTransformers) {
  constexpr const char* kAll =
      "{{ tools is none }} {{ documents is none }} {{ add_generation_prompt }} {{ bos_token }} {{ eos_token "
      "is defined }} "
      "{{ extra }}";
  EXPECT_EQ(outcome(kAll, user("x"), nullptr, {{"extra", 7}}, {.bos_token = "<s>"}),
            "True True True <s> False 7");
  EXPECT_EQ(outcome(kAll, user("x"), Json::array(), {{"add_generation_prompt", false}}),
            "True True False  False ");
  EXPECT_EQ(outcome(kAll, user("x"), nullptr, {{"messages", 1}}),
            "error: chat_template_kwargs.messages is not allowed: the request itself says it");
  EXPECT_EQ(outcome(kAll, user("x"), 5), "error: tools must be an array");
  EXPECT_EQ(outcome(kAll, user("x"), nullptr, 5), "error: chat_template_kwargs must be an object");
  EXPECT_EQ(outcome(kAll, Json::object()), "error: messages must be an array");
  EXPECT_EQ(outcome(kAll, Json::array({Json::object()})), "error: messages[0].role must be a string");
}

TEST(Errors, SayWhereTheyComeFrom) {
  EXPECT_EQ(outcome("{% nope %}", user("x")), "load: chat template, line 1: unknown tag 'nope'");
  EXPECT_EQ(outcome("\n{{ nope.x }}", user("x")), "error: chat template: line 2: 'nope' is undefined");
  EXPECT_EQ(outcome("{{ raise_exception('No.') }}", user("x")), "error: chat template: No.");
}

TEST(Dates, AreFrozenUnlessGiven) {
  EXPECT_EQ(outcome("{{ strftime_now('%Y-%m-%d') }}", user("x")), "2024-07-26");
  EXPECT_EQ(outcome("{{ strftime_now('%Y-%m-%d') }}", user("x"), nullptr, nullptr, {.date = {2025, 1, 2}}),
            "2025-01-02");
}

TEST(Styles, AreToldByTheTemplate) {
  EXPECT_EQ(tool_call_style("... <tool_call> ..."), ToolCallStyle::hermes);
  EXPECT_EQ(tool_call_style("<|start_header_id|> {\"name\": function name, \"parameters\": dictionary"),
            ToolCallStyle::llama3);
  EXPECT_EQ(tool_call_style("<|start_header_id|>"), ToolCallStyle::none);
  EXPECT_EQ(tool_call_style("<|tool_call|>[TOOL_CALLS]"), ToolCallStyle::none);
}

}  // namespace
}  // namespace verbatim
