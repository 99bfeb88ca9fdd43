// Any text as a JSON schema or a list of forms: an error or a constraint; and any walk through the constraint: masks are exact,
// and what may end is JSON. The bytes after the first zero byte choose the walk.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "constrain/constraint.h"
#include "json/library.h"

namespace {

using namespace verbatim;

const std::vector<std::string_view> kTokens = {
    "{",        "}",    "[",   "]",   ",",    ":",           "\"",
    "{\"",      "\":",  "\",", "\"}", "]}",   "null",        "true",
    "fal",      "se",   "0",   "1",   "9",    "12",          "-",
    ".",        "e",    "a",   "b",   "ab",   "c",           "x",
    "A",        "_",    " ",   "\n",  "\n  ", "\\",          "\\n",
    "u00",      "\\ud", "83d", "é",   "\xC3", "\xA9",        "日本",
    "\xF0\x9F", "/",    "@",   "T",   "Z",    "hello world", "aaaaaaaaaaaa",
    "\xFF",     "\x01", "",    "$",   "#",    "+",           "d",
    "7f",       "\"\"", "[]",  "{}"};

std::shared_ptr<const TokenTrie> vocabulary() {
  static const auto trie = std::make_shared<const TokenTrie>(kTokens);
  return trie;
}

void walk(ConstraintState state, bool whole_is_json, const std::uint8_t* choices, std::size_t count) {
  std::string text;
  for (std::size_t step = 0; step < count && step < 200 && !state.must_end(); ++step) {
    const auto mask = state.allowed();
    std::vector<std::size_t> allowed;
    for (std::size_t token = 0; token < kTokens.size(); ++token) {
      const bool in_mask = ((*mask)[token / 64] >> (token % 64) & 1) != 0;
      if (in_mask) allowed.push_back(token);
    }
    const std::size_t probe =
        choices[step] % kTokens.size();  // one token a step: trying all is what tests do
    const bool fits = !kTokens[probe].empty() && ConstraintState(state).advance(kTokens[probe]);
    CHECK(fits == (((*mask)[probe / 64] >> (probe % 64) & 1) != 0),
          "the mask is wrong about token {} after {}", probe, text);
    if (allowed.empty()) return;
    const std::size_t token = allowed[choices[step] % allowed.size()];
    CHECK(state.advance(kTokens[token]), "an allowed token is refused");
    text += kTokens[token];
    CHECK(!whole_is_json || !state.may_end() || nlohmann::json::accept(text),
          "a text that may end is not JSON: {}", text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::uint8_t* end = std::find(data, data + size, std::uint8_t{0});
  const auto schema = nlohmann::ordered_json::parse(data, end, nullptr, false);
  if (schema.is_discarded()) return 0;
  const auto constraint = Constraint::json_schema(schema, vocabulary());
  if (!constraint.ok()) return 0;
  const std::uint8_t* choices = end == data + size ? end : end + 1;
  walk(ConstraintState(*constraint), !schema.is_array(), choices,
       static_cast<std::size_t>(data + size - choices));
  return 0;
}
