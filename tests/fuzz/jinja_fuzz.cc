// Any bytes as a template, rendered over fixed data under small limits: an error or a text, never a crash, a hang or a
// leak; and the same twice.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "jinja/template.h"
#include "json/library.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace verbatim;
  using Json = nlohmann::ordered_json;
  // The names of tests/jinja/cases, so that the corpus reaches what it speaks of.
  static const Json variables = Json::parse(R"({
    "word": "hello", "text": "  Hello! \n", "lines": "one\ntwo\n\nthree", "unicode": "h\u00e9llo \ud83d\ude42", "html": "<a>'&",
    "zero": 0, "one": 1, "minus": -3, "half": 0.5, "tiny": 1e-07, "huge": 1e+20, "big": 9007199254740993, "yes": true,
    "no": false, "nothing": null, "list": [3, 1, 2], "words": ["banana", "Apple", "apple"], "nested": [[1, 2], [3, 4]],
    "many": [0, 1, 2, 3, 4, 5, 6, 7], "values": [null, true, 1.5, "x", [1], {"a": 1}], "dict": {"b": 2, "a": 1, "C": 3},
    "empty_dict": {}, "deep": {"x": {"y": [10, {"z": 1}]}}, "keys": {"items": 1, "get": 2, "name": 3},
    "unicode_dict": {"\u043a": "\u0001\t\"\\"}, "users": [{"name": "Ann", "age": 30, "city": "Oslo", "tags": ["x"]},
    {"name": "bob", "age": 25, "city": "oslo"}], "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant",
    "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"q": 1.0}}}]}], "add_generation_prompt": true})");
  constexpr jinja::Limits limits = {
      .steps = 20'000, .memory_bytes = 1 << 20, .output_bytes = 1 << 16, .depth = 200};

  const Result<jinja::Template> compiled =
      jinja::Template::create({reinterpret_cast<const char*>(data), size});
  if (!compiled.ok()) return 0;
  const Result<std::string> text = compiled->render(variables, {}, limits);
  const Result<std::string> again = compiled->render(variables, {}, limits);
  CHECK(text.ok() == again.ok(), "one rendering fails and the other does not");
  if (!text.ok()) return 0;
  CHECK(*text == *again, "two renderings differ");
  CHECK(well_formed_bytes(*text, 0) == text->size(), "the rendering is not UTF-8");
  return 0;
}
