// The methods of str (Python library reference, "String Methods").
#include <algorithm>

#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/format.h"
#include "jinja/repr.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

const std::string& self(const Call& call) { return call.self.text()->bytes; }
// New text, Markup where the old one was.
Value made(const Call& call, std::string text) {
  return call.heap().text(std::move(text), call.self.text()->markup);
}
Value made(const Call& call, std::string_view text) { return made(call, std::string(text)); }

template <std::string (*change)(std::string_view)>
Value recased(const Call& call) {
  call.heap().require_room(8, self(call).size());
  call.heap().read(kDecodingCost * self(call).size());
  return made(call, change(self(call)));
}

template <Side side>
Value stripped(const Call& call) {
  const std::string chars = call.text(0);
  return made(call, strip(self(call), side, call.given(0) ? &chars : nullptr, call.heap()));
}

// Text that grows under the heap's eye.
struct Builder {
  void append(std::string_view text) {
    heap.read(text.size());
    heap.require_room(1, out.size() + text.size());
    out += text;
  }
  Heap& heap;
  std::string out = {};
};

Value replace_text(const Call& call) {
  const std::string& text = self(call);
  const std::string old = call.text(0), with = call.text(1);
  std::int64_t left = call.integer(2, -1);
  Builder result{call.heap()};
  std::size_t at = 0;
  while (left != 0) {
    const std::size_t found = find_text(text, old, at, call.heap());
    if (found == std::string::npos) break;
    result.append(std::string_view(text).substr(at, found - at));
    result.append(with);
    at = found + old.size();
    --left;
    if (!old.empty()) continue;
    if (at == text.size()) break;
    const std::size_t next = next_character(text, at);
    result.append(std::string_view(text).substr(at, next - at));
    at = next;
    if (at == text.size() && left == 0) break;
  }
  result.append(std::string_view(text).substr(at));
  return made(call, std::move(result.out));
}

// self[start:end] of the arguments at `i`, and where it begins in bytes. nullopt: start lies beyond the end.
struct Window {
  std::string_view text;
  std::size_t begin;
};
std::optional<Window> window(const Call& call, std::size_t i) {
  const Text& text = *call.self.text();
  call.heap().read(text.bytes.size());
  auto clamp = [&](std::int64_t index) {
    return std::clamp<std::int64_t>(index < 0 ? index + text.characters : index, 0, INT64_MAX);
  };
  const std::int64_t start = clamp(call.integer(i, 0));
  const std::int64_t end = std::min(clamp(call.integer(i + 1, text.characters)), text.characters);
  if (start > end) return std::nullopt;
  const std::size_t begin = byte_offset(text.bytes, start);
  return Window{std::string_view(text.bytes).substr(begin, byte_offset(text.bytes, end) - begin), begin};
}

template <bool from_end>
std::int64_t found_at(const Call& call) {
  const std::string wanted = call.text(0);
  const auto where = window(call, 1);
  if (!where) return -1;
  const std::size_t at = from_end ? rfind_text(where->text, wanted, call.heap())
                                  : find_text(where->text, wanted, 0, call.heap());
  return at == std::string::npos
             ? -1
             : count_characters(std::string_view(self(call)).substr(0, where->begin + at));
}

template <bool from_end>
Value find(const Call& call) {
  return found_at<from_end>(call);
}

template <bool from_end>
Value index(const Call& call) {
  const std::int64_t at = found_at<from_end>(call);
  if (at < 0) raise("substring not found");
  return at;
}

Value count(const Call& call) {
  const std::string wanted = call.text(0);
  const auto where = window(call, 1);
  if (!where) return std::int64_t{0};
  if (wanted.empty()) return count_characters(where->text) + 1;
  std::int64_t n = 0;
  for (std::size_t at = 0; (at = find_text(where->text, wanted, at, call.heap())) != std::string::npos;
       at += wanted.size())
    ++n;
  return n;
}

// startswith and endswith: one text or a tuple of them
template <bool (*matches)(std::string_view, std::string_view)>
Value affixed(const Call& call) {
  const auto where = window(call, 1);
  const List* list = call[0].list();
  if (!list || list->is_list()) {
    const std::string wanted = call.text(0);
    if (!call.given(0)) raise("expected str, not NoneType");
    return where && matches(where->text, wanted);
  }
  for (const Value& item : list->items) {
    if (!item.text()) raise("tuple for {} must only contain str, not {}", "startswith", item.type_name());
    call.heap().step();
    if (where && matches(where->text, item.text()->bytes)) return true;
  }
  return false;
}
bool starts(std::string_view text, std::string_view wanted) { return text.starts_with(wanted); }
bool ends(std::string_view text, std::string_view wanted) { return text.ends_with(wanted); }

Value list_of(const Call& call, const std::vector<std::string_view>& pieces) {
  call.heap().require_room(static_cast<std::int64_t>(pieces.size()), sizeof(Value) + sizeof(Text));
  std::vector<Value> items;
  for (std::string_view piece : pieces) items.push_back(made(call, piece));
  return call.heap().list(std::move(items));
}

std::string_view strip_spaces(std::string_view text, Side side, Heap& heap) {
  return strip(text, side, nullptr, heap);
}

// Pieces between runs of white space.
std::vector<std::string_view> split_at_spaces(std::string_view text, std::int64_t left, Heap& heap) {
  std::vector<std::string_view> pieces;
  for (text = strip_spaces(text, Side::left, heap); !text.empty();
       text = strip_spaces(text, Side::left, heap)) {
    heap.step();
    std::size_t end = 0;
    while (left != 0 && end < text.size() && !is_space(character_at(text, end)))
      end = next_character(text, end);
    pieces.push_back(left == 0 ? text : text.substr(0, end));
    if (left-- == 0) break;
    text.remove_prefix(end);
  }
  return pieces;
}

std::vector<std::string_view> rsplit_at_spaces(std::string_view text, std::int64_t left, Heap& heap) {
  std::vector<std::string_view> pieces;
  for (text = strip_spaces(text, Side::right, heap); !text.empty();
       text = strip_spaces(text, Side::right, heap)) {
    heap.step();
    std::size_t begin = text.size();
    while (left != 0 && begin > 0) {
      std::size_t last = begin - 1;
      while ((text[last] & 0xC0) == 0x80) --last;
      if (is_space(character_at(text, last))) break;
      begin = last;
    }
    pieces.push_back(left == 0 ? text : text.substr(begin));
    if (left-- == 0) break;
    text.remove_suffix(text.size() - begin);
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

std::string separator(const Call& call, std::size_t i) {
  std::string text = call.text(i);
  if (text.empty()) raise("empty separator");
  return text;
}

Value split(const Call& call) {
  std::int64_t left = call.integer(1, -1);
  std::string_view text = self(call);
  call.heap().read(text.size());
  if (!call.given(0)) return list_of(call, split_at_spaces(text, left, call.heap()));
  const std::string by = separator(call, 0);
  std::vector<std::string_view> pieces;
  std::size_t at = 0;
  for (; left != 0; --left) {
    const std::size_t found = find_text(text, by, at, call.heap());
    if (found == std::string::npos) break;
    pieces.push_back(text.substr(at, found - at));
    at = found + by.size();
  }
  pieces.push_back(text.substr(at));
  return list_of(call, pieces);
}

Value rsplit(const Call& call) {
  std::int64_t left = call.integer(1, -1);
  std::string_view text = self(call);
  call.heap().read(text.size());
  if (!call.given(0)) return list_of(call, rsplit_at_spaces(text, left, call.heap()));
  const std::string by = separator(call, 0);
  std::vector<std::string_view> pieces;
  for (; left != 0; --left) {
    const std::size_t found = rfind_text(text, by, call.heap());
    if (found == std::string::npos) break;
    pieces.push_back(text.substr(found + by.size()));
    text = text.substr(0, found);
  }
  pieces.push_back(text);
  std::reverse(pieces.begin(), pieces.end());
  return list_of(call, pieces);
}

template <bool from_end>
Value partition(const Call& call) {
  const std::string by = separator(call, 0);
  std::string_view text = self(call);
  const std::size_t at = from_end ? rfind_text(text, by, call.heap()) : find_text(text, by, 0, call.heap());
  if (at == std::string::npos) {
    const Value empty = made(call, std::string()), all = made(call, text);
    return from_end ? call.heap().tuple({empty, empty, all}) : call.heap().tuple({all, empty, empty});
  }
  return call.heap().tuple(
      {made(call, text.substr(0, at)), made(call, by), made(call, text.substr(at + by.size()))});
}

Value splitlines(const Call& call) {
  call.heap().read(self(call).size());
  std::vector<std::string_view> lines = split_lines(self(call));
  if (call.truth(0, false)) {  // each with its end: up to where the next one begins
    const std::string& text = self(call);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const char* end = i + 1 < lines.size() ? lines[i + 1].data() : text.data() + text.size();
      lines[i] = {lines[i].data(), static_cast<std::size_t>(end - lines[i].data())};
    }
  }
  return list_of(call, lines);
}

Value join_texts(const Call& call) {
  Builder result{call.heap()};
  Iteration next = iterate(call[0], call.heap());
  for (std::int64_t i = 0;; ++i) {
    const auto item = next();
    if (!item) return made(call, std::move(result.out));
    if (!item->text()) raise("sequence item {}: expected str instance, {} found", i, item->type_name());
    if (i > 0) result.append(self(call));
    result.append(item->text()->bytes);
  }
}

template <char align>
Value aligned(const Call& call) {
  FormatSpec spec;
  spec.width = call.integer(0);
  spec.align = align;
  spec.fill = call.text(1, " ");
  if (count_characters(spec.fill) != 1) raise("The fill character must be exactly one character long");
  // CPython's str.center puts the odd space left where the width is odd.
  const std::int64_t missing = spec.width - call.self.text()->characters;
  if (align == '^' && missing > 0 && missing % 2 != 0 && spec.width % 2 != 0) {
    FormatSpec left = spec;
    left.align = '>';
    left.width = call.self.text()->characters + missing / 2 + 1;
    spec.align = '<';
    return made(call, pad(pad(self(call), left, '>', call.heap()), spec, '<', call.heap()));
  }
  return made(call, pad(self(call), spec, align, call.heap()));
}

Value zfill(const Call& call) {
  const std::string& text = self(call);
  const bool sign = !text.empty() && (text[0] == '+' || text[0] == '-');
  FormatSpec spec;
  spec.fill = "0";
  spec.align = '>';
  spec.width = std::max<std::int64_t>(call.integer(0) - (sign ? 1 : 0), 0);
  return made(call, (sign ? text.substr(0, 1) : "") + pad(text.substr(sign ? 1 : 0), spec, '>', call.heap()));
}

Value removeprefix(const Call& call) {
  const std::string prefix = call.text(0);
  return made(call, std::string_view(self(call)).substr(self(call).starts_with(prefix) ? prefix.size() : 0));
}
Value removesuffix(const Call& call) {
  const std::string suffix = call.text(0);
  const std::size_t cut = self(call).ends_with(suffix) ? suffix.size() : 0;
  return made(call, std::string_view(self(call)).substr(0, self(call).size() - cut));
}

Value brace_formatted(const Call& call) {
  if (call.self.text()->markup) raise("formatting Markup is not supported");
  return made(call, brace_format(self(call), {call.rest, call.named}, call.runtime));
}

// True where there are characters and each has the property.
template <bool (*property)(char32_t)>
Value all(const Call& call) {
  const std::string& text = self(call);
  call.heap().read(text.size());
  for (std::size_t at = 0; at < text.size(); at = next_character(text, at)) {
    if (!property(character_at(text, at))) return false;
  }
  return property == is_printable || !text.empty();
}
bool is_alnum(char32_t c) { return is_alpha(c) || is_numeric(c); }
bool has_digit_value(char32_t c) {
  return is_decimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0x2070 && c <= 0x2089 && c != 0x2071);
}

// True where there is a cased character and each cased one has the property.
template <bool (*property)(char32_t)>
Value all_cased(const Call& call) {
  const std::string& text = self(call);
  call.heap().read(text.size());
  bool any = false;
  for (std::size_t at = 0; at < text.size(); at = next_character(text, at)) {
    const char32_t c = character_at(text, at);
    if (is_cased(c) && !property(c)) return false;
    any |= is_cased(c);
  }
  return any;
}

Value istitle(const Call& call) {
  const std::string& text = self(call);
  call.heap().read(text.size());
  bool any = false, inside = false;
  for (std::size_t at = 0; at < text.size(); at = next_character(text, at)) {
    const char32_t c = character_at(text, at);
    if (is_cased(c) && is_lower(c) != inside) return false;
    inside = is_cased(c);
    any |= inside;
  }
  return any;
}

Value isascii(const Call& call) { return call.self.text()->ascii(); }

constexpr Builtin kTextMethods[] = {
    {"capitalize", "", recased<capitalize>},
    {"center", "width fillchar?", aligned<'^'>},
    {"count", "sub start? end?", count},
    {"endswith", "suffix start? end?", affixed<ends>},
    {"find", "sub start? end?", find<false>},
    {"format", "* **", brace_formatted},
    {"index", "sub start? end?", index<false>},
    {"isalnum", "", all<is_alnum>},
    {"isalpha", "", all<is_alpha>},
    {"isascii", "", isascii},
    {"isdecimal", "", all<is_decimal>},
    {"isdigit", "", all<has_digit_value>},
    {"islower", "", all_cased<is_lower>},
    {"isnumeric", "", all<is_numeric>},
    {"isprintable", "", all<is_printable>},
    {"isspace", "", all<is_space>},
    {"istitle", "", istitle},
    {"isupper", "", all_cased<is_upper>},
    {"join", "iterable", join_texts},
    {"ljust", "width fillchar?", aligned<'<'>},
    {"lower", "", recased<lower>},
    {"lstrip", "chars?", stripped<Side::left>},
    {"partition", "sep", partition<false>},
    {"removeprefix", "prefix", removeprefix},
    {"removesuffix", "suffix", removesuffix},
    {"replace", "old new count?", replace_text},
    {"rfind", "sub start? end?", find<true>},
    {"rindex", "sub start? end?", index<true>},
    {"rjust", "width fillchar?", aligned<'>'>},
    {"rpartition", "sep", partition<true>},
    {"rsplit", "sep? maxsplit?", rsplit},
    {"rstrip", "chars?", stripped<Side::right>},
    {"split", "sep? maxsplit?", split},
    {"splitlines", "keepends?", splitlines},
    {"startswith", "prefix start? end?", affixed<starts>},
    {"strip", "chars?", stripped<Side::both>},
    {"swapcase", "", recased<swapcase>},
    {"title", "", recased<title>},
    {"upper", "", recased<upper>},
    {"zfill", "width", zfill},
};

}  // namespace

std::span<const Builtin> text_methods() { return kTextMethods; }

}  // namespace verbatim::jinja
