#include "constrain/pattern_syntax.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace verbatim {
namespace {

constexpr int kMostGroups = 50;  // inside one another
constexpr std::uint32_t kMostRepeats = 10'000;

const CharSet& named_class(char name) {
  static const CharSet digits{{'0', '9'}};
  static const CharSet words{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  // ECMA-262, WhiteSpace and LineTerminator
  static const CharSet spaces{{0x09, 0x0D},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                              {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                              {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  static const std::map<char, CharSet> classes = {{'d', digits}, {'D', digits.complement()},
                                                  {'w', words},  {'W', words.complement()},
                                                  {'s', spaces}, {'S', spaces.complement()}};
  static const CharSet none;
  auto it = classes.find(name);
  return it == classes.end() ? none : it->second;
}

CharSet one(char32_t c) { return {{c, c}}; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Expression> parse() {
    Expression all = choice();
    if (!at_end()) refuse("')' closes no group");
    if (!error_.empty()) return fail("{}", error_);
    return all;
  }

 private:
  bool at_end() const { return at_ >= text_.size() || !error_.empty(); }
  bool looking_at(std::string_view prefix) const {
    return error_.empty() && text_.substr(at_).starts_with(prefix);
  }
  bool take(std::string_view prefix) {
    if (!looking_at(prefix)) return false;
    at_ += prefix.size();
    return true;
  }
  void refuse(std::string_view complaint) {
    if (error_.empty()) error_ = fmt::format("{} at byte {}", complaint, at_);
  }
  char32_t character() {
    if (at_end()) return refuse("the pattern ends too early"), 0;
    const Utf8Char c = read_utf8(text_, at_);
    if (c.form != Utf8Char::Form::well_formed) return refuse("the pattern is not UTF-8"), 0;
    at_ += c.bytes;
    return c.code_point;
  }

  static Expression make(Expression::Kind kind) {
    Expression made;
    made.kind = kind;
    return made;
  }

  Expression choice() {
    Expression all = make(Expression::Kind::choice);
    do all.parts.push_back(sequence());
    while (take("|"));
    return all.parts.size() == 1 ? std::move(all.parts[0]) : all;
  }

  Expression sequence() {
    Expression all = make(Expression::Kind::sequence);
    while (!at_end() && !looking_at("|") && !looking_at(")")) all.parts.push_back(repeated());
    return all;
  }

  Expression repeated() {
    Expression part = atom();
    std::uint32_t at_least = 0, at_most = Expression::kUnbounded;
    if (take("*")) {
    } else if (take("+")) {
      at_least = 1;
    } else if (take("?")) {
      at_most = 1;
    } else if (!braces(at_least, at_most)) {
      return part;
    }
    if (part.kind == Expression::Kind::text_begins || part.kind == Expression::Kind::text_ends)
      refuse("an anchor is repeated");
    take("?");  // lazy
    Expression all = make(Expression::Kind::repetition);
    all.at_least = at_least, all.at_most = at_most;
    all.parts.push_back(std::move(part));
    return all;
  }

  bool braces(std::uint32_t& at_least, std::uint32_t& at_most) {
    const std::size_t before = at_;
    if (!take("{")) return false;
    const std::optional<std::uint32_t> low = number();
    std::optional<std::uint32_t> high = low;
    if (low && take(",")) high = looking_at("}") ? Expression::kUnbounded : number();
    if (!low || !high || !take("}")) {
      at_ = before;
      return false;
    }
    if (*low > *high) refuse("a repetition's limits are the wrong way round");
    at_least = *low, at_most = *high;
    return true;
  }

  std::optional<std::uint32_t> number() {
    std::uint32_t value = 0;
    const std::size_t before = at_;
    for (; !at_end() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = 10 * value + static_cast<std::uint32_t>(text_[at_] - '0');
      if (value > kMostRepeats) refuse(fmt::format("a repetition of more than {}", kMostRepeats));
    }
    return at_ == before ? std::nullopt : std::optional(value);
  }

  Expression atom() {
    if (take("^")) return make(Expression::Kind::text_begins);
    if (take("$")) return make(Expression::Kind::text_ends);
    if (take("(")) return group();
    if (looking_at("*") || looking_at("+") || looking_at("?")) refuse("a quantifier follows nothing");
    Expression part = make(Expression::Kind::characters);
    if (take("[")) {
      part.characters = bracketed();
    } else if (take(".")) {
      part.characters = CharSet{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}.complement();
    } else if (take("\\")) {
      part.characters = escaped();
    } else {
      part.characters = one(character());
    }
    return part;
  }

  Expression group() {
    if (looking_at("?") && !take("?:")) {
      const bool named = looking_at("?<") && !looking_at("?<=") && !looking_at("?<!");
      const std::size_t name_ends = text_.find('>', at_);
      if (!named || name_ends == std::string_view::npos) {
        refuse("a group that begins with '(?' and is not '(?:' or named is not supported");
      } else {
        at_ = name_ends + 1;
      }
    }
    if (++depth_ > kMostGroups) refuse(fmt::format("more than {} groups inside one another", kMostGroups));
    Expression inside = error_.empty() ? choice() : Expression();
    --depth_;
    if (!take(")")) refuse("a group is not closed");
    return inside;
  }

  CharSet bracketed() {
    const bool negated = take("^");
    std::vector<CharRange> ranges;
    while (!take("]")) {
      if (at_end()) return refuse("a class is not closed"), CharSet();
      const CharSet low = class_member();
      if (!looking_at("-") || looking_at("-]")) {
        ranges.insert(ranges.end(), low.ranges().begin(), low.ranges().end());
        continue;
      }
      take("-");
      const CharSet high = class_member();
      if (!is_single(low) || !is_single(high) || low.ranges()[0].first > high.ranges()[0].first)
        return refuse("a class has a range that is no range"), CharSet();
      ranges.push_back({low.ranges()[0].first, high.ranges()[0].first});
    }
    const CharSet set(std::move(ranges));
    return negated ? set.complement() : set;
  }

  static bool is_single(const CharSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].last;
  }

  CharSet class_member() {
    if (take("\\b")) return one(0x08);  // in a class it is the backspace
    if (take("\\-")) return one('-');
    return take("\\") ? escaped() : one(character());
  }

  // What follows a backslash.
  CharSet escaped() {
    if (at_end()) return refuse("the pattern ends in a backslash"), CharSet();
    static const std::map<char, char32_t> controls = {{'t', 0x09}, {'n', 0x0A}, {'v', 0x0B},
                                                      {'f', 0x0C}, {'r', 0x0D}, {'0', 0x00}};
    constexpr std::string_view punctuation = "^$\\.*+?()[]{}|/-\"'`~!@#%&=_:;<>, ";
    const char name = text_[at_];
    const bool octal =
        name == '0' && at_ + 1 < text_.size() && text_[at_ + 1] >= '0' && text_[at_ + 1] <= '9';
    if (!named_class(name).empty()) return ++at_, named_class(name);
    if (auto it = controls.find(name); it != controls.end() && !octal) return ++at_, one(it->second);
    if (punctuation.find(name) != std::string_view::npos) return ++at_, one(static_cast<unsigned char>(name));
    if (take("x")) return one(hexadecimal(2));
    if (take("u{")) return one(braced_code_point());
    if (take("u")) return one(code_unit());
    const std::string_view character = text_.substr(at_, read_utf8(text_, at_).bytes);
    refuse(fmt::format("the escape '\\{}' is not supported", character));
    return {};
  }

  char32_t hexadecimal(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const int digit = at_end() ? -1 : hex_digit(text_[at_]);
      if (digit < 0) return refuse(fmt::format("{} hexadecimal digits are expected", digits)), 0;
      value = 16 * value + static_cast<char32_t>(digit);
      ++at_;
    }
    return value;
  }

  static int hex_digit(char c) {
    constexpr std::string_view lower = "0123456789abcdef", upper = "0123456789ABCDEF";
    const std::size_t i = std::min(lower.find(c), upper.find(c));
    return i == std::string_view::npos ? -1 : static_cast<int>(i);
  }

  // \uHHHH, or a pair of them that spells one character.
  char32_t code_unit() {
    const char32_t unit = hexadecimal(4);
    if (unit < kFirstSurrogate || unit > kLastSurrogate) return unit;
    const char32_t low = unit < 0xDC00 && take("\\u") ? hexadecimal(4) : 0;
    if (low < 0xDC00 || low > kLastSurrogate) return refuse("half of a surrogate pair is no character"), 0;
    return 0x10000 + ((unit - kFirstSurrogate) << 10) + (low - 0xDC00);
  }

  char32_t braced_code_point() {
    char32_t value = 0;
    const std::size_t before = at_;
    for (int digit; !at_end() && (digit = hex_digit(text_[at_])) >= 0; ++at_) {
      value = 16 * value + static_cast<char32_t>(digit);
      if (value > kLastChar) return refuse("\\u{...} is no character"), 0;
    }
    const bool surrogate = value >= kFirstSurrogate && value <= kLastSurrogate;
    if (at_ == before || surrogate || !take("}")) refuse("\\u{...} is no character");
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string error_;  // the first complaint
};

}  // namespace

Result<Expression> parse_pattern(std::string_view pattern) { return Parser(pattern).parse(); }

}  // namespace verbatim
