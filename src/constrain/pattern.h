// Regular expressions of JSON Schema: `pattern`, an ECMA-262 expression that matches somewhere in the string.
//
// Supported: characters, `.`, classes, alternation, groups (capturing, named or not: no one asks what they
// capture), * + ? {n} {n,} {n,m} and their lazy forms, which admit the same strings, ^ and $ anywhere,
// \d \D \w \W \s \S \t \n \v \f \r \0 \xHH \uHHHH \u{H...}, and escaped punctuation. Refused by name, because
// they are not regular or need tables: look-around, back references, \b, \B, \p, \P, \c, \k.
#pragma once

#include <string_view>

#include "constrain/char_dfa.h"

namespace verbatim {

// The strings that hold a match. The error says what in the pattern is not supported, and where.
// steps: see char_dfa.h
Result<CharDfa> compile_pattern(std::string_view pattern, std::size_t& steps);

}  // namespace verbatim
