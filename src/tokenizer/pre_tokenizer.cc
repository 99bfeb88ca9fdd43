#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/pre_tokenizer.h"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/unicode.h"
#include "base/utf8.h"

namespace verbatim {
namespace {

// What one search may use. The interpreter counts calls of its inner match function and keeps its
// backtracking points on the heap; the compiled code counts more coarsely and has the 32 KiB of machine stack
// that PCRE2 gives it.
constexpr std::uint32_t kMatchLimit = 10'000'000;
constexpr std::uint32_t kHeapLimitKiB = 128 * 1024;

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

// A pattern in PCRE2's words.
struct Dialect {
  std::string text;
  // It speaks of more than ASCII and categories: what it matches is PCRE2's to say, by its tables.
  bool needs_library = false;
};

constexpr std::string_view kCategoryNames =
    " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs ";

// "L" of \pL, \p{L} and \p{^L}, which begin at `at`; and where it ends.
std::pair<std::string_view, std::size_t> property_at(std::string_view pattern, std::size_t at) {
  if (pattern.substr(at + 2, 1) != "{") return {pattern.substr(at + 2, 1), std::min(at + 3, pattern.size())};
  const std::size_t end = pattern.find('}', at);
  if (end == pattern.npos) return {"", pattern.size()};
  std::string_view name = pattern.substr(at + 3, end - at - 3);
  if (name.starts_with('^')) name.remove_prefix(1);
  return {name, end + 1};
}

bool is_category(std::string_view name) {
  return kCategoryNames.find(fmt::format(" {} ", name)) != kCategoryNames.npos;
}

// An escape sequence at `at`, rewritten; gives where it ends. \s is the property White_Space; \d and \w are what they
// are by categories, which PCRE2 did not always agree on.
std::size_t add_escape(std::string_view pattern, std::size_t at, bool in_class, Dialect& out) {
  const char c = pattern[at + 1];
  if (c == 'p' || c == 'P') {
    const auto [name, end] = property_at(pattern, at);
    out.needs_library |= !is_category(name);
    out.text += pattern.substr(at, end - at);
    return end;
  }
  struct Rewrite {
    char escape;
    std::string_view outside, inside;
  };
  constexpr Rewrite kRewrites[] = {{'s', R"(\p{White_Space})", R"(\p{White_Space})"},
                                   {'S', R"(\P{White_Space})", R"(\P{White_Space})"},
                                   {'d', R"(\p{Nd})", R"(\p{Nd})"},
                                   {'D', R"(\P{Nd})", R"(\P{Nd})"},
                                   {'w', R"([\p{L}\p{N}_])", R"(\p{L}\p{N}_)"},
                                   {'W', R"([^\p{L}\p{N}_])", ""}};
  for (const Rewrite& rewrite : kRewrites) {
    const std::string_view text = in_class ? rewrite.inside : rewrite.outside;
    if (rewrite.escape != c || text.empty()) continue;
    out.text += text;
    return at + 2;
  }
  constexpr std::string_view kOfTheLibrary = "bBhHvVRXWxoN";  // and numbers of characters, which may be any
  out.needs_library |= kOfTheLibrary.find(c) != kOfTheLibrary.npos;
  out.text.append({'\\', c});
  return at + 2;
}

// Refuses sets of sets ([a[b]] and [a&&b], of Oniguruma and Java), which PCRE2 would take for plain characters.
Result<Dialect> in_our_dialect(const std::string& pattern) {
  Dialect out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (c == '\\' && next != '\0') {
      i = add_escape(pattern, i, in_class, out);
      continue;
    }
    if (in_class && ((c == '[' && next != ':') || (c == '&' && next == '&'))) {
      return fail(
          "the pre-tokenizer pattern '{}' has a set inside a set at offset {}, which is not supported",
          pattern, i);
    }
    out.needs_library |= static_cast<unsigned char>(c) >= 0x80;
    out.text += c;
    ++i;
    if (in_class && c == '[') {  // [:name:] is over at its own bracket
      out.needs_library = true;
      const std::size_t end = pattern.find(":]", i);
      if (end == std::string::npos) continue;
      out.text.append(pattern, i, end + 2 - i);
      i = end + 2;
    } else if (c == '[' && !in_class) {
      in_class = true;
      if (next == '^') out.text += pattern[i++];
      // A first ] is a plain character.
      if (i < pattern.size() && pattern[i] == ']') out.text += pattern[i++];
    } else if (c == ']') {
      in_class = false;
    }
  }
  return out;
}

// The text as PCRE2 may see it: every character is one whose category no version changes (base/unicode.h). Byte for byte
// as long.   REQUIRES: text is well-formed UTF-8
std::string_view with_stand_ins(std::string_view text, std::string& buffer) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; })) return text;
  buffer.clear();
  buffer.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char next = read_utf8(text, at);
    append_utf8(unicode::stand_in(next.code_point), buffer);
    at += next.bytes;
  }
  return buffer;
}

struct Free {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

// One thread's means of searching.
class Matcher {
 public:
  Matcher() : data_(pcre2_match_data_create(1, nullptr)), context_(pcre2_match_context_create(nullptr)) {
    CHECK(data_ && context_, "PCRE2 could not allocate a few hundred bytes");
    pcre2_set_match_limit(context_.get(), kMatchLimit);
    pcre2_set_heap_limit(context_.get(), kHeapLimitKiB);
  }

  // 0 with the match in [begin(), end()), or PCRE2's error.   REQUIRES: text is well-formed UTF-8
  int search(const pcre2_code* code, std::string_view text, std::size_t from) {
    // The text was checked once; checking it again in every search would make splitting quadratic.
    const int found = search(code, text, from, PCRE2_NO_UTF_CHECK);
    if (found >= 0 || found == PCRE2_ERROR_NOMATCH) return found >= 0 ? 0 : found;
    // The compiled code ran out of its stack or count: the interpreter has more of both.
    return std::min(0, search(code, text, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT));
  }
  std::size_t begin() const { return pcre2_get_ovector_pointer(data_.get())[0]; }
  std::size_t end() const { return pcre2_get_ovector_pointer(data_.get())[1]; }

 private:
  int search(const pcre2_code* code, std::string_view text, std::size_t from, std::uint32_t options) {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, options,
                       data_.get(), context_.get());
  }
  std::unique_ptr<pcre2_match_data, Free> data_;
  std::unique_ptr<pcre2_match_context, Free> context_;
};

// Appends the matches of `code` in `piece` and the gaps between them, found in what stands for it.
// REQUIRES: both are well-formed UTF-8, of one length
Status cut(const pcre2_code* code, std::string_view source, std::string_view piece, std::string_view shown,
           Matcher& matcher, Stop& stop, std::vector<std::string_view>& out) {
  auto emit = [&](std::size_t begin, std::size_t end) {
    if (end > begin) out.push_back(piece.substr(begin, end - begin));
  };
  std::size_t gap = 0;  // where the piece that is being read begins
  for (std::size_t from = 0; from < piece.size();) {
    if (stop.due()) return Stop::error();
    const int found = matcher.search(code, shown, from);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) {
      return fail("the pre-tokenizer pattern '{}' gave up on a piece of {} bytes: {}", source, piece.size(),
                  message_of(found));
    }
    const std::size_t begin = matcher.begin(), end = matcher.end();
    if (begin < gap || end < begin)
      return fail("the pre-tokenizer pattern '{}' matches backwards (\\K)", source);
    emit(gap, begin);
    emit(begin, end);
    gap = end;
    // After an empty match the search goes on one character later.
    from = end > begin ? end : end == piece.size() ? end : end + read_utf8(piece, end).bytes;
  }
  emit(gap, piece.size());
  return {};
}

}  // namespace

Result<PreTokenizer> PreTokenizer::create(std::span<const std::string> patterns) {
  PreTokenizer result;
  for (const std::string& source : patterns) {
    const Result<Dialect> pattern = in_our_dialect(source);
    if (!pattern.ok()) return pattern.error();
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern->text.data()), pattern->text.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                                     &error, &offset, nullptr);
    if (!code) {
      return fail("the pre-tokenizer pattern '{}' does not compile: {} at offset {} of '{}'", source,
                  message_of(error), offset, pattern->text);
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
    result.patterns_.push_back({source, pattern->needs_library, {code, [](const pcre2_code* c) {
                                                                   pcre2_code_free(
                                                                       const_cast<pcre2_code*>(c));
                                                                 }}});
  }
  return result;
}

std::string PreTokenizer::library_version() const {
  if (std::ranges::none_of(patterns_, &Pattern::needs_library)) return {};
  std::array<char, 64> version{};
  pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version.data());
  return version.data();
}

Result<std::vector<std::string_view>> PreTokenizer::split(std::string_view text, Stop stop) const {
  std::vector<std::string_view> pieces;
  if (patterns_.empty()) {
    if (!text.empty()) pieces.push_back(text);
    return pieces;
  }
  Matcher matcher;
  std::vector<std::string_view> now, next;  // the pieces of one well-formed run, before and after a pattern
  std::string stand_ins;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t good = well_formed_bytes(text, at)) {
      const std::string_view run = text.substr(at, good), shown = with_stand_ins(run, stand_ins);
      now.assign(1, run);
      for (const Pattern& pattern : patterns_) {
        next.clear();
        for (std::string_view piece : now) {
          const std::string_view seen =
              pattern.needs_library
                  ? piece
                  : shown.substr(static_cast<std::size_t>(piece.data() - run.data()), piece.size());
          if (Status s = cut(pattern.code.get(), pattern.source, piece, seen, matcher, stop, next); !s.ok())
            return s.error();
        }
        now.swap(next);
      }
      pieces.insert(pieces.end(), now.begin(), now.end());
      at += good;
    }
    if (const std::size_t bad = ill_formed_bytes(text, at)) {
      pieces.push_back(text.substr(at, bad));
      at += bad;
    }
  }
  return pieces;
}

}  // namespace verbatim
