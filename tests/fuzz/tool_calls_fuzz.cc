// Any bytes as an answer: the first byte chooses the style and how the answer is cut. Cut or whole, content and calls are
// the same; without calls, the content is the answer; arguments are JSON objects, or where they end early the beginning of one.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/utf8.h"
#include "chat/json_object_scanner.h"
#include "chat/tool_call_parser.h"
#include "json/library.h"

namespace verbatim {
namespace {

struct Answer {
  std::string content;
  std::vector<ToolCall> calls;
  void add(const std::vector<AnswerPiece>& pieces) {
    for (const AnswerPiece& piece : pieces) {
      if (const auto* text = std::get_if<std::string>(&piece)) {
        content += *text;
      } else if (const auto* begin = std::get_if<ToolCallBegin>(&piece)) {
        calls.push_back({begin->name, ""});
      } else {
        calls.back().arguments += std::get<ToolCallArguments>(piece).text;
      }
    }
  }
};

// A JSON object, or the beginning of one.
void check_arguments(const std::string& arguments) {
  JsonObjectScanner scanner;
  auto progress = JsonObjectScanner::Progress::more;
  for (char c : arguments) {
    CHECK(progress == JsonObjectScanner::Progress::more, "more than an object: {}", arguments);
    progress = scanner.feed(c);
  }
  CHECK(progress != JsonObjectScanner::Progress::bad, "no beginning of an object: {}", arguments);
  // nlohmann refuses escaped lone surrogates, which the scanner lets pass as Python's json does.
  if (progress != JsonObjectScanner::Progress::done || arguments.find("\\u") != std::string::npos) return;
  try {
    CHECK(nlohmann::json::parse(arguments).is_object(), "arguments are no object: {}", arguments);
  } catch (const nlohmann::json::out_of_range&) {  // a number beyond the range of double: JSON all the same
  }
}

Answer parsed(ToolCallStyle style, std::string_view text, std::size_t piece) {
  ToolCallParser parser(style);
  Answer answer;
  for (std::size_t at = 0; at < text.size(); at += piece) answer.add(parser.push(text.substr(at, piece)));
  answer.add(parser.finish());
  return answer;
}

}  // namespace
}  // namespace verbatim

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim;
  if (size == 0) return 0;
  const auto style = static_cast<ToolCallStyle>(data[0] % 3);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Answer whole = parsed(style, text, size), cut = parsed(style, text, 1 + data[0] / 3 % 16);
  CHECK(whole.content == cut.content && whole.calls == cut.calls, "the answer depends on how it is cut");
  if (whole.calls.empty()) CHECK(whole.content == text, "content was lost");
  if (well_formed_bytes(text, 0) != text.size()) return 0;
  for (const ToolCall& call : whole.calls) check_arguments(call.arguments);
  return 0;
}
