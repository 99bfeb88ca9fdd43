#include "chat/tool_call_parser.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>

namespace verbatim {
namespace {

// An answer's pieces with content that follows content joined, and arguments that follow arguments.
std::vector<AnswerPiece> joined(const std::vector<AnswerPiece>& pieces) {
  std::vector<AnswerPiece> out;
  for (const AnswerPiece& piece : pieces) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      append_text<std::string>(out, *text);
    } else if (const auto* arguments = std::get_if<ToolCallArguments>(&piece)) {
      append_text<ToolCallArguments>(out, arguments->text);
    } else {
      out.push_back(piece);
    }
  }
  return out;
}

std::vector<AnswerPiece> parsed(ToolCallStyle style, const std::vector<std::string>& pieces) {
  ToolCallParser parser(style);
  std::vector<AnswerPiece> out;
  for (const std::string& piece : pieces) {
    for (AnswerPiece& each : parser.push(piece)) out.push_back(std::move(each));
  }
  for (AnswerPiece& each : parser.finish()) out.push_back(std::move(each));
  return joined(out);
}

// "text|f({...})|text" for a reader's eyes
std::string shown(const std::vector<AnswerPiece>& pieces) {
  std::string out, end;
  for (const AnswerPiece& piece : pieces) {
    if (const auto* arguments = std::get_if<ToolCallArguments>(&piece)) {
      out += arguments->text;
      continue;
    }
    out += std::exchange(end, "");
    if (!out.empty()) out += '|';
    const auto* call = std::get_if<ToolCallBegin>(&piece);
    out += call ? call->name + "(" : std::get<std::string>(piece);
    if (call) end = ")";
  }
  return out + end;
}

struct Case {
  ToolCallStyle style;
  std::string answer, expected;
};

const std::vector<Case>& cases() {
  using enum ToolCallStyle;
  static const std::vector<Case> all = {
      {none, "<tool_call>{}</tool_call> ", "<tool_call>{}</tool_call> "},
      {hermes, "", ""},
      {hermes, "Hello, world!\n", "Hello, world!\n"},
      {hermes, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", "f({\"a\": 1})"},
      {hermes, "Let me see.\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "Let me see.|f({})"},
      {hermes,
       "<tool_call>\n{\"arguments\": {}, \"name\": \"f\"}\n</tool_call>\n<tool_call>\n{\"name\": \"g\", "
       "\"arguments\": "
       "{\"x\": [1, {\"y\": null}]}}\n</tool_call>\n",
       "f({})|g({\"x\": [1, {\"y\": null}]})"},
      {hermes, "a <tool_call> {\"name\":\"f\",\"arguments\":{}} </tool_call> b", "a|f({})|b"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{\"t\":\"</tool_call> \\\"}\"}}</tool_call>",
       "f({\"t\":\"</tool_call> \\\"}\"})"},
      {hermes, "<tool_call>{\"name\":\"n\\u00e9\",\"arguments\":{\"é\":\"🙂\"}}</tool_call>",
       "né({\"é\":\"🙂\"})"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{\"n\":-1.50e+3,\"z\":0}}</tool_call>",
       "f({\"n\":-1.50e+3,\"z\":0})"},
      // What only looks like a call:
      {hermes, "a < b <tool> <tool_cal", "a < b <tool> <tool_cal"},
      {hermes, "<tool_call>", "<tool_call>"},
      {hermes, "<tool_call>\nnot json\n</tool_call>\n", "<tool_call>\nnot json\n</tool_call>\n"},
      {hermes, "<tool_call>{\"name\":\"f\"}</tool_call>", "<tool_call>{\"name\":\"f\"}</tool_call>"},
      {hermes, "<tool_call>{\"name\":1,\"arguments\":{}}</tool_call>",
       "<tool_call>{\"name\":1,\"arguments\":{}}</tool_call>"},
      {hermes, "<tool_call>{\"name\":\"\",\"arguments\":{}}</tool_call>",
       "<tool_call>{\"name\":\"\",\"arguments\":{}}</tool_call>"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":\"{}\"}</tool_call>",
       "<tool_call>{\"name\":\"f\",\"arguments\":\"{}\"}</tool_call>"},
      {hermes, "<tool_call>{\"arguments\":{},\"name\":\"f\"", "<tool_call>{\"arguments\":{},\"name\":\"f\""},
      // Calls that break are partial; what follows is content:
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{}}", "f({})"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{}}\n</tool_", "f({})"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"b", "f({\"a\":\"b)"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{}} x", "f({})|x"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool> x", "f({})|</tool> x"},
      {hermes,
       "<tool_call>{\"name\":\"f\",\"arguments\":{}, "
       "<tool_call>{\"name\":\"g\",\"arguments\":{}}</tool_call>",
       "f({})|g({})"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":01}}</tool_call>",
       "f({\"a\":0)|1}}</tool_call>"},
      {hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"\n\"}}</tool_call>",
       "f({\"a\":\")|\"}}</tool_call>"},
      {hermes, "<tool_call> oops <tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>",
       "<tool_call> oops|f({})"},
      {hermes, "<<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "<|f({})"},
      {hermes, "<tool_call><tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "<tool_call>|f({})"},
      {llama3, "Hello {\"name\": \"f\", \"parameters\": {}}", "Hello {\"name\": \"f\", \"parameters\": {}}"},
      {llama3, "{\"name\": \"f\", \"parameters\": {\"a\": \"b\"}}", "f({\"a\": \"b\"})"},
      {llama3, "\n {\"name\": \"f\", \"arguments\": {}}\n", "f({})"},
      {llama3, "<|python_tag|>{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}", "f({})"},
      {llama3, "Sure.<|python_tag|> {\"name\": \"f\", \"parameters\": {}}", "Sure.|f({})"},
      {llama3, "{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {}}", "f({})|g({})"},
      {llama3, "{\"name\": \"f\", \"parameters\": {}}; then", "f({})|; then"},
      {llama3, "{\"name\": \"f\", \"parameters\": {}} done", "f({})|done"},
      {llama3, "<|python_tag|>search.call(query=\"x\")", "<|python_tag|>search.call(query=\"x\")"},
      {llama3, "{\"answer\": 42}", "{\"answer\": 42}"},
      {llama3, "{\"name\": \"f\", \"parameters\": {}", "f({})"},
      {llama3, "{ {\"name\": \"f\", \"parameters\": {}}", "{ {\"name\": \"f\", \"parameters\": {}}"},
      {llama3, "{}", "{}"},
      {llama3, "<|python", "<|python"},
  };
  return all;
}

TEST(ToolCallParser, FindsCallsAndKeepsTheRest) {
  for (const Case& c : cases()) EXPECT_EQ(shown(parsed(c.style, {c.answer})), c.expected) << c.answer;
}

TEST(ToolCallParser, DoesNotDependOnTheCuts) {
  std::mt19937 random(7);
  for (const Case& c : cases()) {
    const std::vector<AnswerPiece> whole = parsed(c.style, {c.answer});
    for (std::size_t cut = 0; cut <= c.answer.size(); ++cut) {
      EXPECT_EQ(parsed(c.style, {c.answer.substr(0, cut), c.answer.substr(cut)}), whole)
          << c.answer << " at " << cut;
    }
    for (int round = 0; round < 20; ++round) {
      std::vector<std::string> pieces;
      for (std::size_t at = 0; at < c.answer.size(); at += pieces.back().size())
        pieces.push_back(c.answer.substr(at, 1 + random() % 5));
      EXPECT_EQ(parsed(c.style, pieces), whole) << c.answer;
    }
  }
}

// Random answers made of the words that matter.
TEST(ToolCallParser, DoesNotDependOnTheCutsOfRandomAnswers) {
  const char* words[] = {"<tool_call>",
                         "</tool_call>",
                         "<|python_tag|>",
                         "{",
                         "}",
                         "\"",
                         "\\",
                         ":",
                         ",",
                         "[",
                         "]",
                         " ",
                         "\n",
                         ";",
                         "\"name\": \"f\"",
                         "\"arguments\": {}",
                         "\"parameters\": {\"a\": [1]}",
                         "{\"name\": \"f\", \"arguments\": {}}",
                         "<",
                         "x",
                         "é",
                         "-1.5e3",
                         "true",
                         "nul"};
  std::mt19937 random(11);
  for (int round = 0; round < 4000; ++round) {
    const auto style = round % 2 == 0 ? ToolCallStyle::hermes : ToolCallStyle::llama3;
    std::vector<std::string> pieces;
    std::string answer;
    for (std::size_t n = random() % 12; n > 0; --n) {
      pieces.emplace_back(words[random() % std::size(words)]);
      answer += pieces.back();
    }
    const std::vector<AnswerPiece> whole = parsed(style, {answer});
    EXPECT_EQ(parsed(style, pieces), whole) << answer;
    std::vector<std::string> bytes;
    for (char c : answer) bytes.emplace_back(1, c);
    EXPECT_EQ(parsed(style, bytes), whole) << answer;
    const bool any_call = std::any_of(whole.begin(), whole.end(),
                                      [](auto& p) { return std::holds_alternative<ToolCallBegin>(p); });
    if (!any_call) {
      EXPECT_EQ(shown(whole), answer);
    }
  }
}

TEST(ToolCallParser, HoldsBackNoMoreThanItMust) {
  ToolCallParser parser(ToolCallStyle::hermes);
  auto push = [&](const char* text) { return shown(parser.push(text)); };
  EXPECT_EQ(push("Hello"), "Hello");
  EXPECT_EQ(push(" wor"), " wor");
  EXPECT_EQ(push("ld\n"), "ld");
  EXPECT_EQ(push("<tool"), "");
  EXPECT_EQ(push("box> <tool_call>"), "\n<toolbox>");
  EXPECT_EQ(push("{\"name\""), "");
  EXPECT_EQ(push("}"), " <tool_call>{\"name\"}");
  EXPECT_EQ(push("<tool_call>{\"name\":\"f\",\"arguments\":"), "");
  EXPECT_EQ(push("{\"a\""), "f({\"a\")");
  EXPECT_EQ(push(":1}"), ":1}");
  EXPECT_EQ(push("}\n</tool_call>"), "");
  EXPECT_EQ(push("\n"), "");
  EXPECT_EQ(shown(parser.finish()), "");
}

}  // namespace
}  // namespace verbatim
