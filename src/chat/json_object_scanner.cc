#include "chat/json_object_scanner.h"

#include "base/check.h"

namespace verbatim {
namespace {

constexpr std::size_t kMostDepth = 64;

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

JsonObjectScanner::Progress JsonObjectScanner::feed(char c) {
  CHECK(state_ == State::start || !open_.empty(), "a byte after the end of the object");
  const bool accepted = accept(c);
  ++at_;
  if (!accepted || open_.size() > kMostDepth) return Progress::bad;
  return open_.empty() ? Progress::done : Progress::more;
}

bool JsonObjectScanner::accept(char c) {
  switch (state_) {
    case State::start:
      return c == '{' && (open(c), true);
    case State::string:
    case State::escape:
    case State::hex:
      return accept_string(c);
    case State::literal:
      if (c != *literal_left_) return false;
      if (*++literal_left_ == '\0') state_ = State::after_value;
      return true;
    case State::key_or_end:
    case State::key:
      if (is_json_space(c)) return true;
      if (c == '}' && state_ == State::key_or_end) return close(), true;
      return c == '"' && (begin_string(true), true);
    case State::colon:
      if (c == ':') state_ = State::value;
      return c == ':' || is_json_space(c);
    case State::value:
    case State::value_or_end:
      return accept_value(c);
    case State::after_value:
      return accept_after_value(c);
    default:
      return accept_number(c);
  }
}

bool JsonObjectScanner::accept_value(char c) {
  if (is_json_space(c)) return true;
  if (c == ']' && state_ == State::value_or_end) return close(), true;
  if (c == '"') return begin_string(false), true;
  if (c == '{' || c == '[') return open(c), true;
  if (c == '-' || is_digit(c)) {
    state_ = c == '-' ? State::minus : c == '0' ? State::zero : State::integer;
    return true;
  }
  literal_left_ = c == 't' ? "rue" : c == 'f' ? "alse" : c == 'n' ? "ull" : "";
  state_ = State::literal;
  return *literal_left_ != '\0';
}

bool JsonObjectScanner::accept_after_value(char c) {
  if (is_json_space(c)) return true;
  const bool in_object = open_.back() == '{';
  if (c == ',') state_ = in_object ? State::key : State::value;
  if (c == (in_object ? '}' : ']')) close();
  return c == ',' || c == (in_object ? '}' : ']');
}

bool JsonObjectScanner::accept_string(char c) {
  if (state_ == State::hex) {
    if (--hex_left_ == 0) state_ = State::string;
    return is_hex(c);
  }
  if (state_ == State::escape) {
    state_ = c == 'u' ? State::hex : State::string;
    hex_left_ = 4;
    return c == 'u' || std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
  }
  if (c == '"') end_string();
  if (c == '\\') state_ = State::escape;
  return static_cast<unsigned char>(c) >= 0x20;
}

// A number ends at the first byte that is not its own, which then stands after a value.
bool JsonObjectScanner::accept_number(char c) {
  const bool e = c == 'e' || c == 'E', digit = is_digit(c);
  switch (state_) {
    case State::minus:
      state_ = c == '0' ? State::zero : State::integer;
      return digit;
    case State::point:
      state_ = State::fraction;
      return digit;
    case State::exponent:
      state_ = digit ? State::exponent_digits : State::exponent_sign;
      return digit || c == '+' || c == '-';
    case State::exponent_sign:
      state_ = State::exponent_digits;
      return digit;
    case State::zero:
    case State::integer:
      if (digit && state_ == State::integer) return true;
      if (c == '.') return state_ = State::point, true;
      [[fallthrough]];
    case State::fraction:
      if (digit && state_ == State::fraction) return true;
      if (e) return state_ = State::exponent, true;
      [[fallthrough]];
    default:
      if (digit && state_ == State::exponent_digits) return true;
      state_ = State::after_value;
      return accept_after_value(c);
  }
}

void JsonObjectScanner::open(char bracket) {
  if (open_.size() == 1) member_.value_begin = at_;
  open_ += bracket;
  state_ = bracket == '{' ? State::key_or_end : State::value_or_end;
}

void JsonObjectScanner::close() {
  open_.pop_back();
  state_ = State::after_value;
  if (open_.size() != 1) return;
  member_.value_end = at_ + 1;
  members_.push_back(member_);
}

void JsonObjectScanner::begin_string(bool is_key) {
  in_key_ = is_key;
  state_ = State::string;
  if (open_.size() == 1) (is_key ? member_.key_begin : member_.value_begin) = at_;
}

void JsonObjectScanner::end_string() {
  state_ = in_key_ ? State::colon : State::after_value;
  if (open_.size() != 1) return;
  (in_key_ ? member_.key_end : member_.value_end) = at_ + 1;
  if (!in_key_) members_.push_back(member_);
}

}  // namespace verbatim
