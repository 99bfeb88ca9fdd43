// Template: a Jinja2 template as chat models bring them. Start here.
//
//   source -> tokens (lexer.h) -> tree (parser.h, tree.h) -> walked over values (interpreter.h, value.h)
//
// The language is Jinja2's as Hugging Face's transformers sets it up: ImmutableSandboxedEnvironment with trim_blocks
// and lstrip_blocks, the extension loopcontrols, the tag `generation` (its body is passed through), a `tojson` that is
// Python's json.dumps, the globals raise_exception and strftime_now. Values behave as Python's do, down to the text of
// lists and floats. docs/chat-templates.md lists what is supported.
//
// Promises: what is rendered is a function of source, variables, date and limits alone: there is no clock, no
// randomness, no file. What is not supported is refused by create, not met later, but for attributes of values, whose
// types only a rendering knows. A rendering ends: limits.h bounds its steps, memory, output and depth.
// Immutable once made; safe to use from many threads.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "jinja/date.h"
#include "jinja/limits.h"

namespace verbatim::jinja {

struct Tree;

class Template {
 public:
  // Errors: "line 12: the tag 'include' is not supported".
  static Result<Template> create(std::string_view source);

  // variables: a JSON object, whose members the template sees by name.
  // Errors: "line 3: 'messages' is undefined"; of raise_exception, its own words.
  Result<std::string> render(const nlohmann::ordered_json& variables, Date date = {},
                             const Limits& limits = {}) const;

 private:
  explicit Template(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const Tree> tree_;
};

}  // namespace verbatim::jinja
