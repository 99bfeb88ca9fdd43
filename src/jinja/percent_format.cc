#include <optional>

#include "jinja/format.h"
#include "jinja/heap.h"
#include "jinja/number_text.h"
#include "jinja/repr.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

// "printf-style String Formatting" (Python library reference).
class PercentFormat {
 public:
  PercentFormat(std::string_view format, const Value& values, Heap& heap)
      : format_(format), values_(values), heap_(heap) {
    const List* list = values.list();
    is_tuple_ = list && !list->is_list();
  }

  std::string run() {
    while (at_ < format_.size()) {
      const std::size_t percent = std::min(format_.find('%', at_), format_.size());
      append(format_.substr(at_, percent - at_));
      at_ = percent + 1;
      if (percent < format_.size()) append(conversion());
    }
    const bool mapping = (values_.list() && !is_tuple_) || values_.dict() || values_.is_undefined() ||
                         (values_.object() && values_.object()->indexable());
    if (!mapping && used_ < (is_tuple_ ? values_.list()->items.size() : 1))
      raise("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  char peek() const {
    if (at_ >= format_.size()) raise("incomplete format");
    return format_[at_];
  }

  void append(std::string_view text) {
    heap_.read(text.size());
    heap_.require_room(1, out_.size() + text.size());
    out_ += text;
  }

  const Value& next_value() {
    if (named_) return *named_;
    const std::size_t count = is_tuple_ ? values_.list()->items.size() : 1;
    if (used_ >= count) raise("not enough arguments for format string");
    ++used_;
    return is_tuple_ ? values_.list()->items[used_ - 1] : values_;
  }

  void take_name() {
    named_.reset();
    if (peek() != '(') return;
    if (!values_.dict()) raise("format requires a mapping");
    const std::size_t end = format_.find(')', at_);
    if (end == std::string_view::npos) raise("incomplete format key");
    const std::string_view name = format_.substr(at_ + 1, end - at_ - 1);
    const Value* found = values_.dict()->find(name);
    if (!found) raise("the format names the key '{}', which is not there", name);
    named_ = *found;
    at_ = end + 1;
  }

  std::int64_t take_number() {
    if (peek() == '*') {
      ++at_;
      const auto number = next_value().integer();
      if (!number) raise("* wants int");
      return *number;
    }
    std::int64_t number = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      number = number * 10 + (peek() - '0');
      if (number > 1'000'000'000) raise("width too big");
    }
    return number;
  }

  std::string conversion() {
    take_name();
    FormatSpec spec;
    bool left = false, zero = false;
    for (;; ++at_) {
      const char flag = peek();
      if (flag == '-') {
        left = true;
      } else if (flag == '0') {
        zero = true;
      } else if (flag == '+' || (flag == ' ' && spec.sign == '-')) {
        spec.sign = flag;
      } else if (flag == '#') {
        spec.alternate = true;
      } else if (flag != ' ') {
        break;
      }
    }
    spec.width = take_number();
    if (spec.width < 0) left = true, spec.width = -spec.width;
    if (peek() == '.') {
      ++at_;
      spec.precision = std::max<std::int64_t>(0, take_number());
    }
    if (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
    spec.type = peek();
    ++at_;
    if (left) spec.align = '<';
    if (spec.type == '%') return "%";
    const bool number = std::string_view("srac").find(spec.type) == std::string_view::npos;
    if (zero && !left && number) spec.fill = "0", spec.align = '=';
    return number ? formatted_number(next_value(), spec) : formatted_text(next_value(), spec);
  }

  std::string formatted_text(const Value& value, const FormatSpec& spec) {
    if (spec.type == 'a' || spec.type == 'c') raise("the format %{} is not supported", spec.type);
    std::string text = spec.type == 'r' ? repr(value, heap_) : str(value, heap_);
    if (spec.precision >= 0) text.resize(byte_offset(text, spec.precision));
    return pad(std::move(text), spec, '>', heap_);
  }

  std::string formatted_number(const Value& value, FormatSpec spec) {
    if (std::string_view("eEfFgG").find(spec.type) != std::string_view::npos) {
      if (auto integer = value.integer()) return format_float(static_cast<double>(*integer), spec, heap_);
      if (!value.is_float()) raise("must be real number, not {}", value.require_defined().type_name());
      return format_float(*value.real(), spec, heap_);
    }
    if (std::string_view("diuxXo").find(spec.type) == std::string_view::npos)
      raise("unsupported format character '{}'", spec.type);
    const bool decimal = spec.type == 'd' || spec.type == 'i' || spec.type == 'u';
    if (!value.integer() && !(decimal && value.is_float()))
      raise("%{} format: a number is required, not {}", spec.type, value.require_defined().type_name());
    if (decimal) spec.type = 'd', spec.alternate = false;
    if (spec.precision > 1000) raise("a precision above 1000 is not supported");
    if (spec.precision >= 0) return formatted_precise(value, spec);
    return format_int(value.is_float() ? truncate(*value.real()) : *value.integer(), spec, heap_);
  }

  // A precision is the least number of digits.
  std::string formatted_precise(const Value& value, const FormatSpec& spec) {
    FormatSpec digits = spec;
    digits.align = '=';
    digits.fill = "0";
    digits.precision = -1;
    const std::int64_t number = value.is_float() ? truncate(*value.real()) : *value.integer();
    digits.width = spec.precision + (number < 0 || spec.sign != '-' ? 1 : 0) + (spec.alternate ? 2 : 0);
    return pad(format_int(number, digits, heap_), spec, '>', heap_);
  }

  std::string_view format_;
  const Value& values_;
  Heap& heap_;
  bool is_tuple_ = false;
  std::optional<Value> named_;
  std::size_t at_ = 0, used_ = 0;
  std::string out_;
};

}  // namespace

std::string percent_format(std::string_view format, const Value& values, Heap& heap) {
  return PercentFormat(format, values, heap).run();
}

}  // namespace verbatim::jinja
