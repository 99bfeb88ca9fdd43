// PreTokenizer: cuts text into the pieces inside which tokens are merged,
// by regular expressions applied in turn.
//
// Each pattern is matched over each piece that the one before left, as if the piece were the whole text;
// every match and every gap between matches is a piece (Hugging Face's Split with behavior "Isolated"). An
// empty match only cuts. The patterns are PCRE2's in Unicode mode; \s is the Unicode property White_Space, as
// in the engines that the patterns were written for (PCRE2's own \s has U+180E besides). A run of ill-formed
// UTF-8 is a piece of its own. The pieces joined are always the text. Immutable once made; safe to use from
// many threads.
//
// Categories are those of unicode::kVersion, whatever PCRE2 is at hand: it is shown stand-ins (base/unicode.h). Only a
// pattern that names other characters than ASCII, scripts or the like needs the library's own tables; library_version()
// says so.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stop.h"

struct pcre2_real_code_8;

namespace verbatim {

class PreTokenizer {
 public:
  // No patterns: a text is one piece. Errors name the pattern and what is wrong with it.
  static Result<PreTokenizer> create(std::span<const std::string> patterns);

  // The Unicode version of PCRE2's tables, where some pattern needs them; else empty.
  std::string library_version() const;

  // The pieces, views into text. Fails only when stop is due (a match is a unit), and where a pattern needs more
  // backtracking than is allowed (see the .cc): the patterns of named_pre_tokenizers() never do.
  Result<std::vector<std::string_view>> split(std::string_view text, Stop stop = {}) const;

 private:
  struct Pattern {
    std::string source;
    bool needs_library = false;
    std::shared_ptr<const pcre2_real_code_8> code;
  };
  std::vector<Pattern> patterns_;
};

}  // namespace verbatim
