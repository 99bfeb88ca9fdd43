#include "chat/tool_call_parser.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "chat/json_object_scanner.h"
#include "json/reader.h"

namespace verbatim {
namespace {

using Progress = JsonObjectScanner::Progress;

constexpr std::string_view kHermesBegin = "<tool_call>", kHermesEnd = "</tool_call>",
                           kLlamaBegin = "<|python_tag|>";
constexpr std::string_view kSpaces = " \t\n\r";

bool is_space(char c) { return kSpaces.find(c) != std::string_view::npos; }
bool all_spaces(std::string_view text) { return text.find_first_not_of(kSpaces) == std::string_view::npos; }

// The string that a JSON text stands for; nullopt: it is no string that UTF-8 can hold.
std::optional<std::string> unquoted(std::string_view json) {
  const auto value = parse_json(json, "");
  return value && value->is_string() ? std::optional(value->get<std::string>()) : std::nullopt;
}

// {"name": ..., "arguments": {...}}, the arguments also as "parameters"; of equal keys the last counts.
std::optional<ToolCall> call_of(std::string_view object,
                                const std::vector<JsonObjectScanner::Member>& members) {
  std::optional<std::string> name, arguments;
  for (const auto& member : members) {
    const auto key = unquoted(object.substr(member.key_begin, member.key_end - member.key_begin));
    const std::string_view value = object.substr(member.value_begin, member.value_end - member.value_begin);
    if (key == "name") name = unquoted(value);
    if ((key == "arguments" || key == "parameters") && value.front() == '{') arguments = std::string(value);
  }
  if (!name || name->empty() || !arguments) return std::nullopt;
  return ToolCall{std::move(*name), std::move(*arguments)};
}

}  // namespace

// begin, white space, an object that is a call, white space, end; byte by byte.
class ToolCallParser::Matcher {
 public:
  Matcher(std::string_view begin, std::string_view end) : begin_(begin), end_(end) {}

  Progress feed(char c) {
    if (!begin_.empty()) return take(begin_, c) ? Progress::more : Progress::bad;
    if (call_) return finish(c);
    if (object_.empty() && is_space(c)) return Progress::more;
    object_ += c;
    const Progress progress = scanner_.feed(c);
    if (progress != Progress::done) return progress;
    call_ = call_of(object_, scanner_.members());
    if (!call_) return Progress::bad;
    return end_.empty() ? Progress::done : Progress::more;
  }

  ToolCall call() { return std::move(*call_); }

 private:
  static bool take(std::string_view& expected, char c) {
    if (expected.front() != c) return false;
    expected.remove_prefix(1);
    return true;
  }
  Progress finish(char c) {
    if (is_space(c) && end_.front() == '<') return Progress::more;  // not within the end tag
    if (!take(end_, c)) return Progress::bad;
    return end_.empty() ? Progress::done : Progress::more;
  }

  std::string_view begin_, end_;  // what is left of them
  JsonObjectScanner scanner_;
  std::string object_;
  std::optional<ToolCall> call_;
};

ToolCallParser::ToolCallParser(ToolCallStyle style) : style_(style) {}
ToolCallParser::~ToolCallParser() = default;
ToolCallParser::ToolCallParser(ToolCallParser&&) noexcept = default;
ToolCallParser& ToolCallParser::operator=(ToolCallParser&&) noexcept = default;

std::vector<AnswerPiece> ToolCallParser::push(std::string_view piece) {
  if (style_ == ToolCallStyle::none) {
    if (piece.empty()) return {};
    return {std::string(piece)};
  }
  text_ += piece;
  read();
  const std::size_t decided = candidate_ ? begin_ : at_;
  text_.erase(0, decided);
  begin_ -= candidate_ ? decided : begin_;
  at_ -= decided;
  return std::exchange(out_, {});
}

std::vector<AnswerPiece> ToolCallParser::finish() {
  while (candidate_) {  // it has no end
    candidate_.reset();
    content(text_[begin_]);
    at_ = begin_ + 1;
    read();
  }
  if (!(after_call_ && all_spaces(gap_))) release_gap();
  gap_.clear();
  return std::exchange(out_, {});
}

// Whether a call may begin with the byte at `at_`; if so, it is the candidate.
bool ToolCallParser::begin_call() {
  const char c = text_[at_];
  if (style_ == ToolCallStyle::hermes && c == '<') {
    candidate_ = std::make_unique<Matcher>(kHermesBegin, kHermesEnd);
  } else if (style_ == ToolCallStyle::llama3 && c == '<') {
    candidate_ = std::make_unique<Matcher>(kLlamaBegin, "");
  } else if (style_ == ToolCallStyle::llama3 && c == '{' && (at_start_ || after_call_)) {
    candidate_ = std::make_unique<Matcher>("", "");
  }
  begin_ = at_;
  return candidate_ != nullptr;
}

void ToolCallParser::read() {
  while (at_ < text_.size()) {
    if (!candidate_ && !begin_call()) {
      content(text_[at_++]);
      continue;
    }
    const Progress progress = candidate_->feed(text_[at_++]);
    if (progress == Progress::done) found(std::exchange(candidate_, nullptr)->call());
    if (progress == Progress::bad) {  // its first byte is content; the rest is read again
      candidate_.reset();
      content(text_[begin_]);
      at_ = begin_ + 1;
    }
  }
}

void ToolCallParser::content(char c) {
  if (is_space(c) || (style_ == ToolCallStyle::llama3 && after_call_ && c == ';')) {
    gap_ += c;
    return;
  }
  if (after_call_ && all_spaces(gap_)) gap_.clear();
  at_start_ = after_call_ = false;
  gap_ += c;
  release_gap();
}

void ToolCallParser::release_gap() {
  if (gap_.empty()) return;
  if (out_.empty() || !std::holds_alternative<std::string>(out_.back())) out_.emplace_back(std::string());
  std::get<std::string>(out_.back()) += std::exchange(gap_, {});
}

void ToolCallParser::found(ToolCall call) {
  gap_.clear();
  at_start_ = false;
  after_call_ = true;
  out_.emplace_back(std::move(call));
}

}  // namespace verbatim
