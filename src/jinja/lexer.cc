#include "jinja/lexer.h"

#include <algorithm>
#include <tuple>

#include "jinja/number_text.h"
#include "jinja/string_literal.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

using Type = Token::Type;

std::string with_plain_newlines(std::string_view source) {  // \r\n and \r are \n; one at the very end goes
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

// Longest first.
constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                           "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                           ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) root();
    add(Type::end, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool next_is(std::string_view text) const { return rest().starts_with(text); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  void add(Type type, std::string_view text) { tokens_.push_back({type, line_, std::string(text)}); }
  void advance(std::size_t bytes) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
    line_starting_ = source_[at_ - 1] == '\n';
  }
  bool take(std::string_view text) {
    if (!next_is(text)) return false;
    advance(text.size());
    return true;
  }
  void skip_spaces() {
    while (at_ < source_.size() && is_space(character_at(source_, at_)))
      advance(next_character(source_, at_) - at_);
  }

  // Text, then one tag.
  void root() {
    std::size_t begin = at_;
    do {
      begin = source_.find('{', begin);
    } while (begin != std::string::npos && !is_tag(begin) && ++begin);
    if (begin == std::string::npos) begin = source_.size();
    const bool tag = begin < source_.size();
    const char kind = tag ? source_[begin + 1] : '\0';
    const char sign = tag ? sign_after(begin + 2) : '\0';
    data(begin, sign, tag && kind != '{');
    if (!tag) return;
    if (kind == '%' && raw_begin()) return raw();
    advance(sign ? 3 : 2);
    if (kind == '#') return comment();
    add(kind == '{' ? Type::print_begin : Type::block_begin, "");
    inside(kind == '{');
  }

  bool is_tag(std::size_t at) const {
    const char next = at + 1 < source_.size() ? source_[at + 1] : '\0';
    return next == '{' || next == '%' || next == '#';
  }
  char sign_after(std::size_t at) const {
    const char c = at < source_.size() ? source_[at] : '\0';
    return c == '-' || c == '+' ? c : '\0';
  }

  // The text before a tag that begins at `end`: "-" takes all white space before the tag, and a block or a comment
  // takes that between it and the line's beginning, unless it has "+".
  void data(std::size_t end, char sign, bool strips_line) {
    std::string_view text = rest().substr(0, end - at_);
    const bool starts_line = line_starting_;
    if (sign == '-') {
      while (!text.empty()) {
        std::size_t last = text.size() - 1;
        while ((text[last] & 0xC0) == 0x80) --last;
        if (!is_space(character_at(text, last))) break;
        text.remove_suffix(text.size() - last);
      }
    } else if (sign != '+' && strips_line) {
      const std::size_t line = text.rfind('\n') == std::string_view::npos ? 0 : text.rfind('\n') + 1;
      std::size_t i = line;
      while (i < text.size() && is_space(character_at(text, i))) i = next_character(text, i);
      if ((line > 0 || starts_line) && i == text.size()) text = text.substr(0, line);
    }
    if (!text.empty()) add(Type::data, text);
    if (end > at_) advance(end - at_);
  }

  void comment() {
    const int line = line_;
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string::npos) raise_at(line, "the comment is not closed");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    advance(end + 2 - at_);
    after_tag(sign);
  }

  // The white space that a tag's end takes with it.
  void after_tag(char sign) {
    if (sign == '-') {
      skip_spaces();
    } else if (sign != '+') {
      take("\n");
    }
  }

  // "{% raw %}", which is taken; false: it is another block.
  bool raw_begin() {
    const auto before = std::tuple(at_, line_, line_starting_);
    advance(2);
    if (peek() == '-' || peek() == '+') advance(1);
    skip_spaces();
    if (take("raw")) {
      skip_spaces();
      if (take("%}")) return true;
      if (take("-%}")) return skip_spaces(), true;
    }
    std::tie(at_, line_, line_starting_) = before;
    return false;
  }

  void raw() {
    const int line = line_;
    for (std::size_t begin = at_; (begin = source_.find("{%", begin)) != std::string::npos; ++begin) {
      std::size_t i = begin + 2;
      const char sign = sign_after(i);
      if (sign) ++i;
      i = spaces_from(i);
      if (source_.compare(i, 6, "endraw") != 0) continue;
      i = spaces_from(i + 6);
      const char end_sign = sign_after(i);
      if (source_.compare(end_sign ? i + 1 : i, 2, "%}") != 0) continue;
      data(begin, sign, true);
      advance((end_sign ? i + 3 : i + 2) - begin);
      return after_tag(end_sign);
    }
    raise_at(line, "'raw' is not closed by 'endraw'");
  }

  std::size_t spaces_from(std::size_t at) const {
    while (at < source_.size() && is_space(character_at(source_, at))) at = next_character(source_, at);
    return at;
  }

  // The tokens of a tag up to its end.
  void inside(bool print) {
    std::string open;  // the brackets that are open
    while (at_ < source_.size()) {
      if (open.empty() && tag_end(print)) return;
      const char32_t c = character_at(source_, at_);
      if (is_space(c)) {
        skip_spaces();
      } else if (c < 0x80 && is_digit(static_cast<char>(c))) {
        number();
      } else if (is_word(c)) {
        name();
      } else if (c == '\'' || c == '"') {
        string();
      } else {
        op(open);
      }
    }
  }

  bool tag_end(bool print) {
    const std::string_view close = print ? "}}" : "%}";
    const char sign = sign_after(at_);
    if (rest().substr(sign ? 1 : 0).starts_with(close) && !(print && sign == '+')) {
      add(print ? Type::print_end : Type::block_end, "");
      advance(sign ? 3 : 2);
      if (sign || !print) after_tag(sign);
      return true;
    }
    return false;
  }

  void name() {
    std::size_t end = at_;
    while (end < source_.size() && is_word(character_at(source_, end))) end = next_character(source_, end);
    add(Type::name, rest().substr(0, end - at_));
    advance(end - at_);
  }

  // A run of digits, each pair with at most one '_' between; its length.
  template <class IsDigit>
  std::size_t digits(std::size_t at, IsDigit is) const {
    std::size_t i = at;
    while (i < source_.size() &&
           (is(source_[i]) || (i > at && source_[i] == '_' && i + 1 < source_.size() && is(source_[i + 1]))))
      ++i;
    return i - at;
  }

  std::size_t integer_length() const {
    constexpr std::pair<char, std::string_view> kPrefixes[] = {
        {'b', "01"}, {'o', "01234567"}, {'x', "0123456789abcdef"}};
    for (const auto& [letter, allowed] : kPrefixes) {
      if (peek() != '0' || lower_ascii(peek(1)) != letter) continue;
      auto is = [&, set = allowed](char c) { return set.find(lower_ascii(c)) != std::string_view::npos; };
      const std::size_t begin = at_ + (peek(2) == '_' ? 3 : 2);
      if (const std::size_t length = digits(begin, is)) return begin + length - at_;
    }
    return peek() == '0' ? digits(at_, [](char c) { return c == '0'; }) : digits(at_, is_digit);
  }

  // 1.5, 1e9, 1.5e-9; 0 where it is no float.
  std::size_t float_length() const {
    if (at_ > 0 && source_[at_ - 1] == '.') return 0;
    std::size_t length = digits(at_, is_digit);
    bool is_float = false;
    if (peek(length) == '.') {
      if (const std::size_t fraction = digits(at_ + length + 1, is_digit))
        length += 1 + fraction, is_float = true;
    }
    if (lower_ascii(peek(length)) == 'e') {
      const std::size_t sign = peek(length + 1) == '+' || peek(length + 1) == '-' ? 1 : 0;
      if (const std::size_t exponent = digits(at_ + length + 1 + sign, is_digit))
        length += 1 + sign + exponent, is_float = true;
    }
    return is_float ? length : 0;
  }

  void number() {
    const std::size_t float_size = float_length();
    const std::string text(rest().substr(0, float_size ? float_size : integer_length()));
    add(Type::literal, text);
    if (float_size) {
      tokens_.back().number = *parse_float(text);
    } else {
      try {
        tokens_.back().number = *parse_int(text, 0);
      } catch (Failure& failure) {
        raise_at(line_, "{}", failure.message);
      }
    }
    advance(text.size());
  }

  void string() {
    const char quote = peek();
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size())
      raise_at(line_, "the string that begins with {} is not closed",
               rest().substr(0, byte_offset(rest(), 12)));
    add(Type::string, unescape_string(rest().substr(1, end - at_ - 1), line_));
    advance(end + 1 - at_);
  }

  void op(std::string& open) {
    const auto found =
        std::find_if(std::begin(kOperators), std::end(kOperators), [&](auto each) { return next_is(each); });
    if (found == std::end(kOperators))
      raise_at(line_, "unexpected character '{}'", rest().substr(0, next_character(rest(), 0)));
    const char c = found->front();
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : static_cast<char>(c + 2);
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty()) raise_at(line_, "unexpected '{}'", c);
      if (open.back() != c) raise_at(line_, "unexpected '{}', expected '{}'", c, open.back());
      open.pop_back();
    }
    add(Type::op, *found);
    advance(found->size());
  }

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(with_plain_newlines(source)).run(); }

}  // namespace verbatim::jinja
