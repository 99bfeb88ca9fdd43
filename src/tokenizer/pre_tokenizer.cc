#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/pre_tokenizer.h"

#include <pcre2.h>

#include <array>
#include <cctype>

#include "base/check.h"
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

// Rewrites \s and \S as the Unicode property. Refuses sets of sets ([a[b]] and [a&&b], of Oniguruma and
// Java), which PCRE2 would take for plain characters.
Result<std::string> in_our_dialect(const std::string& pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (c == '\\' && next != '\0') {
      ++i;
      if (next == 's' || next == 'S') {
        out += next == 's' ? "\\p{White_Space}" : "\\P{White_Space}";
      } else {
        out.append({c, next});
      }
      continue;
    }
    if (in_class && ((c == '[' && next != ':') || (c == '&' && next == '&'))) {
      return fail(
          "the pre-tokenizer pattern '{}' has a set inside a set at offset {}, which is not supported",
          pattern, i);
    }
    out += c;
    if (in_class && c == '[') {  // [:name:] is over at its own bracket
      const std::size_t end = pattern.find(":]", i);
      if (end == std::string::npos) continue;
      out.append(pattern, i + 1, end + 1 - i);
      i = end + 1;
    } else if (c == '[' && !in_class) {
      in_class = true;
      if (next == '^') out += pattern[++i];
      // A first ] is a plain character.
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') out += pattern[++i];
    } else if (c == ']') {
      in_class = false;
    }
  }
  return out;
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

// Appends the matches of `code` in `piece` and the gaps between them.   REQUIRES: piece is well-formed UTF-8
Status cut(const pcre2_code* code, std::string_view source, std::string_view piece, Matcher& matcher,
           std::vector<std::string_view>& out) {
  auto emit = [&](std::size_t begin, std::size_t end) {
    if (end > begin) out.push_back(piece.substr(begin, end - begin));
  };
  std::size_t gap = 0;  // where the piece that is being read begins
  for (std::size_t from = 0; from < piece.size();) {
    const int found = matcher.search(code, piece, from);
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
    const Result<std::string> pattern = in_our_dialect(source);
    if (!pattern.ok()) return pattern.error();
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern->data()), pattern->size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                                     &error, &offset, nullptr);
    if (!code) {
      return fail("the pre-tokenizer pattern '{}' does not compile: {} at offset {} of '{}'", source,
                  message_of(error), offset, *pattern);
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
    result.patterns_.push_back(
        {source, {code, [](const pcre2_code* c) { pcre2_code_free(const_cast<pcre2_code*>(c)); }}});
  }
  return result;
}

Result<std::vector<std::string_view>> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  if (patterns_.empty()) {
    if (!text.empty()) pieces.push_back(text);
    return pieces;
  }
  Matcher matcher;
  std::vector<std::string_view> now, next;  // the pieces of one well-formed run, before and after a pattern
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t good = well_formed_bytes(text, at)) {
      now.assign(1, text.substr(at, good));
      for (const Pattern& pattern : patterns_) {
        next.clear();
        for (std::string_view piece : now) {
          if (Status s = cut(pattern.code.get(), pattern.source, piece, matcher, next); !s.ok())
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
