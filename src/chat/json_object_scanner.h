// JsonObjectScanner: reads one JSON object (RFC 8259) byte by byte, and says at the first byte that cannot belong to one
// that it is none. It keeps where the members of the object stand; it builds no tree.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace verbatim {

class JsonObjectScanner {
 public:
  enum class Progress { more, done, bad };

  // A member whose value is a string, an object or an array: byte ranges of the scanned text, quotes included.
  struct Member {
    std::size_t key_begin, key_end, value_begin, value_end;
  };

  // The next byte; the first one must be '{'.   REQUIRES: the scanner is not done, nor bad
  Progress feed(char c);

  const std::vector<Member>& members() const { return members_; }
  // The brackets that are open: 1 between the members of the object, 0 before it and behind it.
  std::size_t depth() const { return open_.size(); }
  // The member that is being read: what it has so far.
  const Member& member() const { return member_; }

 private:
  enum class State {
    start,
    key_or_end,
    key,
    colon,
    value,
    value_or_end,
    after_value,
    string,
    escape,
    hex,
    literal,
    minus,
    zero,
    integer,
    point,
    fraction,
    exponent,
    exponent_sign,
    exponent_digits,
  };

  bool accept(char c);
  bool accept_value(char c);
  bool accept_after_value(char c);
  bool accept_string(char c);
  bool accept_number(char c);
  void open(char bracket);
  void close();
  void begin_string(bool is_key);
  void end_string();

  State state_ = State::start;
  std::string open_;  // the brackets around this place
  bool in_key_ = false;
  int hex_left_ = 0;
  const char* literal_left_ = "";
  std::size_t at_ = 0;
  Member member_{};  // the one being read
  std::vector<Member> members_;
};

}  // namespace verbatim
