#include "server/answer_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "chat/json_object_scanner.h"

namespace verbatim::server {
namespace {

class TemplateCalls final : public AnswerParser {
 public:
  TemplateCalls(ToolCallStyle style, bool at_most_one) : parser_(style), at_most_one_(at_most_one) {}
  std::vector<AnswerPiece> push(std::string_view text) override { return kept(parser_.push(text)); }
  std::vector<AnswerPiece> finish() override { return kept(parser_.finish()); }

 private:
  std::vector<AnswerPiece> kept(std::vector<AnswerPiece> pieces) {
    if (!at_most_one_) return pieces;
    std::vector<AnswerPiece> first;
    for (AnswerPiece& piece : pieces) {
      over_ = over_ || (called_ && !std::holds_alternative<ToolCallArguments>(piece));
      if (over_) break;
      called_ = called_ || std::holds_alternative<ToolCallBegin>(piece);
      first.push_back(std::move(piece));
    }
    return first;
  }

  ToolCallParser parser_;
  bool at_most_one_, called_ = false, over_ = false;
};

class ArgumentsOnly final : public AnswerParser {
 public:
  explicit ArgumentsOnly(std::string name) : name_(std::move(name)) {}
  std::vector<AnswerPiece> push(std::string_view text) override {
    std::vector<AnswerPiece> pieces;
    if (text.empty()) return pieces;
    if (!std::exchange(begun_, true)) pieces.emplace_back(ToolCallBegin{name_});
    append_text<ToolCallArguments>(pieces, text);
    return pieces;
  }
  std::vector<AnswerPiece> finish() override { return {}; }

 private:
  std::string name_;
  bool begun_ = false;
};

// Begins as soon as what came can only be one of the names.
class CallOfOne final : public AnswerParser {
 public:
  explicit CallOfOne(std::vector<std::string> names) : names_(std::move(names)) {}

  std::vector<AnswerPiece> push(std::string_view text) override {
    std::vector<AnswerPiece> pieces;
    for (char c : text) take(c, pieces);
    return pieces;
  }
  std::vector<AnswerPiece> finish() override {
    if (begun_ || head_.empty()) return {};
    const std::size_t name = std::min(before_name().size(), head_.size());
    return {ToolCallBegin{head_.substr(name)}};  // as much as there is of it
  }

 private:
  static std::string_view before_name() { return R"({"name": ")"; }

  void take(char c, std::vector<AnswerPiece>& pieces) {
    if (in_arguments_) {
      if (progress_ != JsonObjectScanner::Progress::more) return;  // behind them
      progress_ = scanner_.feed(c);
      return append_text<ToolCallArguments>(pieces, {&c, 1});
    }
    head_ += c;
    std::erase_if(names_,
                  [&](const std::string& name) { return !before_arguments(name).starts_with(head_); });
    if (names_.size() != 1) return;
    if (!std::exchange(begun_, true)) pieces.emplace_back(ToolCallBegin{names_.front()});
    in_arguments_ = head_ == before_arguments(names_.front());
  }

  std::vector<std::string> names_;  // that are still possible
  std::string head_;                // what came before the arguments
  bool begun_ = false, in_arguments_ = false;
  JsonObjectScanner scanner_;
  JsonObjectScanner::Progress progress_ = JsonObjectScanner::Progress::more;
};

}  // namespace

std::string before_arguments(std::string_view name, std::string_view arguments_key) {
  return fmt::format(R"({{"name": "{}", "{}": )", name, arguments_key);
}

MakeAnswerParser template_calls(ToolCallStyle style, bool at_most_one) {
  if (style == ToolCallStyle::none) return {};
  return [style, at_most_one] { return std::make_unique<TemplateCalls>(style, at_most_one); };
}

MakeAnswerParser arguments_of(std::string name) {
  return [name = std::move(name)] { return std::make_unique<ArgumentsOnly>(name); };
}

MakeAnswerParser call_of_one(std::vector<std::string> names) {
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return [names = std::move(names)] { return std::make_unique<CallOfOne>(names); };
}

void add_piece(std::vector<AnswerPart>& parts, const AnswerPiece& piece) {
  if (const auto* text = std::get_if<std::string>(&piece)) {
    if (parts.empty() || !std::holds_alternative<std::string>(parts.back()))
      parts.emplace_back(std::string());
    std::get<std::string>(parts.back()) += *text;
  } else if (const auto* begin = std::get_if<ToolCallBegin>(&piece)) {
    parts.emplace_back(ToolCall{begin->name, ""});
  } else {
    std::get<ToolCall>(parts.back()).arguments += std::get<ToolCallArguments>(piece).text;
  }
}

std::vector<AnswerPiece> AnswerText::push(const std::string& text) {
  if (parser_) return counted(parser_->push(text));
  if (text.empty()) return {};
  return {text};
}

std::vector<AnswerPiece> AnswerText::finish() {
  return parser_ ? counted(parser_->finish()) : std::vector<AnswerPiece>();
}

std::vector<AnswerPart> AnswerText::parts_of(const std::string& text) {
  std::vector<AnswerPart> parts;
  for (const AnswerPiece& piece : push(text)) add_piece(parts, piece);
  for (const AnswerPiece& piece : finish()) add_piece(parts, piece);
  return parts;
}

std::vector<AnswerPiece> AnswerText::counted(std::vector<AnswerPiece> pieces) {
  for (const AnswerPiece& piece : pieces) calls_ += std::holds_alternative<ToolCallBegin>(piece) ? 1 : 0;
  return pieces;
}

}  // namespace verbatim::server
