#include "chat/tool_call_parser.h"

#include <utility>

#include "chat/json_object_scanner.h"
#include "json/library.h"
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

bool names_arguments(std::string_view quoted_key) {
  const auto key = unquoted(quoted_key);
  return key == "arguments" || key == "parameters";
}

// Of equal keys the last counts.
std::optional<std::string> name_in(std::string_view object,
                                   const std::vector<JsonObjectScanner::Member>& members) {
  std::optional<std::string> name;
  for (const auto& member : members) {
    if (unquoted(object.substr(member.key_begin, member.key_end - member.key_begin)) != "name") continue;
    name = unquoted(object.substr(member.value_begin, member.value_end - member.value_begin));
  }
  return name && !name->empty() ? name : std::nullopt;
}

std::optional<std::string> arguments_in(std::string_view object,
                                        const std::vector<JsonObjectScanner::Member>& members) {
  std::optional<std::string> arguments;
  for (const auto& member : members) {
    const std::string_view value = object.substr(member.value_begin, member.value_end - member.value_begin);
    if (value.front() == '{' &&
        names_arguments(object.substr(member.key_begin, member.key_end - member.key_begin)))
      arguments = std::string(value);
  }
  return arguments;
}

}  // namespace

// begin, white space, an object that is a call, white space, end; byte by byte. The object is
// {"name": ..., "arguments": {...}}, the arguments also as "parameters".
class ToolCallParser::Matcher {
 public:
  Matcher(std::string_view begin, std::string_view end) : begin_(begin), end_(end) {}

  Progress feed(char c) {
    ++fed_;
    if (!begin_.empty()) return take(begin_, c) ? Progress::more : Progress::bad;
    if (object_end_ > 0) return finish(c);
    if (object_.empty() && is_space(c)) return Progress::more;
    object_ += c;
    const std::size_t depth = scanner_.depth();
    const Progress progress = scanner_.feed(c);
    if (progress != Progress::bad) follow_arguments(c, depth);
    if (progress != Progress::done) return progress;
    object_end_ = fed_;
    if (!name_ && !read_whole()) return Progress::bad;
    return end_.empty() ? Progress::done : Progress::more;
  }

  // The name, once it is certain that this is a call.
  const std::optional<std::string>& name() const { return name_; }
  // What came of the arguments since the last time.
  std::string take_arguments() { return std::exchange(arguments_, {}); }
  // Of a call that broke: the bytes before what does not belong to it.
  std::size_t bytes_of_call() const { return object_end_ > 0 ? object_end_ : fed_ - 1; }

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
  // depth: before this byte
  void follow_arguments(char c, std::size_t depth) {
    if (!name_ && c == '{' && depth == 1 && scanner_.depth() == 2) {
      const auto& member = scanner_.member();
      const std::string_view key =
          std::string_view(object_).substr(member.key_begin, member.key_end - member.key_begin);
      if (names_arguments(key)) name_ = name_in(object_, scanner_.members());
      in_arguments_ = name_.has_value();
    }
    if (!in_arguments_) return;
    arguments_ += c;
    in_arguments_ = scanner_.depth() > 1;
  }
  // Of an object that has its arguments before its name.
  bool read_whole() {
    auto arguments = arguments_in(object_, scanner_.members());
    if (!arguments) return false;
    name_ = name_in(object_, scanner_.members());
    arguments_ = *std::move(arguments);
    return name_.has_value();
  }

  std::string_view begin_, end_;  // what is left of them
  JsonObjectScanner scanner_;
  std::string object_, arguments_;
  std::size_t fed_ = 0, object_end_ = 0;  // bytes; 0: it has not ended
  std::optional<std::string> name_;
  bool in_arguments_ = false;
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
    const bool is_call = in_call_;
    candidate_.reset();
    if (is_call) break;
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
  in_call_ = false;
  return candidate_ != nullptr;
}

void ToolCallParser::read() {
  while (at_ < text_.size()) {
    if (!candidate_ && !begin_call()) {
      content(text_[at_++]);
      continue;
    }
    const Progress progress = candidate_->feed(text_[at_++]);
    follow_call();
    if (progress == Progress::more) continue;
    if (progress == Progress::bad && !in_call_) {  // its first byte is content; the rest is read again
      content(text_[begin_]);
      at_ = begin_ + 1;
    } else if (progress == Progress::bad) {
      at_ = begin_ + candidate_->bytes_of_call();
    }
    candidate_.reset();
  }
}

// What the candidate has become with its last byte.
void ToolCallParser::follow_call() {
  if (!in_call_ && candidate_->name()) {
    gap_.clear();
    at_start_ = false;
    in_call_ = after_call_ = true;
    out_.emplace_back(ToolCallBegin{*candidate_->name()});
  }
  if (in_call_) append_text<ToolCallArguments>(out_, candidate_->take_arguments());
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

void ToolCallParser::release_gap() { append_text<std::string>(out_, std::exchange(gap_, {})); }

}  // namespace verbatim
