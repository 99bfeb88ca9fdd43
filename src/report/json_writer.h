// JSON text as it comes, for a place inside an HTML page: pure ASCII without `<`, `>` and `&`, so that nothing in it
// can end a <script> element or begin a comment, and U+2028 needs no thought.
//
// Strings are any bytes. A byte that is not part of well-formed UTF-8 becomes the lone surrogate U+DC80..U+DCFF, as
// in Python's "surrogateescape" (PEP 383): a reader gets every byte back, and cannot confuse it with a character.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace verbatim::report {

class JsonWriter {
 public:
  const std::string& text() const { return text_; }

  // An array or an object: `fill` writes its elements, or its keys and their values.
  void array(std::invocable auto fill) { nest('[', ']', fill); }
  void object(std::invocable auto fill) { nest('{', '}', fill); }

  JsonWriter& key(std::string_view name);  // next comes its value
  void value(std::string_view bytes);
  void value(double number);        // shortest decimal that reads back the same; "NaN", "Infinity" as strings
  void value(std::int64_t number);  // a string beyond 2^53, where JavaScript's numbers have gaps
  void null();
  template <typename T>
  void value(const std::optional<T>& number) {
    if (number) {
      value(*number);
    } else {
      null();
    }
  }

 private:
  void nest(char open, char close, auto fill) {
    separate();
    text_ += open;
    first_ = true;
    fill();
    text_ += close;
    first_ = false;
  }
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }

  std::string text_;
  bool first_ = true;  // nothing stands before the next value in its array or object
};

}  // namespace verbatim::report
