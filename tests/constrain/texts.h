// What a constraint says of whole texts, byte by byte.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "constrain/constraint.h"
#include "json/library.h"

namespace verbatim {

// A vocabulary whose tokens are the 256 bytes.
inline std::shared_ptr<const TokenTrie> byte_vocabulary() {
  static const std::shared_ptr<const TokenTrie> trie = [] {
    static std::vector<std::string> bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.push_back(std::string(1, static_cast<char>(byte)));
    return std::make_shared<const TokenTrie>(std::vector<std::string_view>(bytes.begin(), bytes.end()));
  }();
  return trie;
}

inline Result<std::shared_ptr<const Constraint>> constraint_of(std::string_view schema) {
  return Constraint::json_schema(nlohmann::ordered_json::parse(schema), byte_vocabulary());
}

enum class Verdict { accepted, unfinished, refused };

// `at`: where the first byte stands that is refused.
inline Verdict verdict(const std::shared_ptr<const Constraint>& constraint, std::string_view text,
                       std::size_t* at = nullptr) {
  ConstraintState state(constraint);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (state.advance(text.substr(i, 1))) continue;
    if (at != nullptr) *at = i;
    return Verdict::refused;
  }
  return state.may_end() ? Verdict::accepted : Verdict::unfinished;
}

inline bool is_allowed(const TokenBits& bits, std::size_t token) {
  return bits[token / 64] >> (token % 64) & 1;
}

}  // namespace verbatim
