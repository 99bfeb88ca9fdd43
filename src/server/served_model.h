// ServedModel: what the endpoints know of the model that they serve. Immutable while the server runs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "server/json_text.h"

namespace verbatim::server {

struct ChatRequest {
  OrderedJson messages;  // array; every content is a string or null
  OrderedJson tools;     // array, or null
  OrderedJson kwargs;    // object: further variables of the template
  bool add_generation_prompt = true;
};

// One part of an answer that may hold calls of tools.
struct AnswerPiece {
  enum class Kind : std::uint8_t {
    content,      // text
    call_begins,  // text: the function's name
    arguments,    // text: more of the JSON that the last call's arguments are
  };
  Kind kind = Kind::content;
  std::string text;
};

// Takes the text of an answer apart as it grows. However it is cut, the pieces say the same in the end.
class AnswerParser {
 public:
  virtual ~AnswerParser() = default;
  virtual std::vector<AnswerPiece> push(std::string_view text) = 0;
  virtual std::vector<AnswerPiece> finish() = 0;
};

struct ServedModel {
  const LoadedModel* loaded = nullptr;
  std::vector<std::string> names;  // that a body's "model" may give; the first is shown. Not empty
  std::int64_t context = 0;        // most tokens of prompt and answer
  std::int64_t created = 0;        // Unix time

  // Conversation -> prompt text. Empty: the model has no chat template.
  std::function<Result<std::string>(const ChatRequest&)> render_chat;
  std::string version;  // of the program
  // For answers to requests with tools. Empty: calls stay text.
  std::function<std::unique_ptr<AnswerParser>()> make_answer_parser;

  const Tokenizer& tokenizer() const { return *loaded->tokenizer; }
  const std::string& fingerprint() const { return loaded->fingerprint; }
  const SamplingParams& defaults() const { return loaded->sampling; }  // where a body gives no value
  // The form that every response carries: "fp_" and 16 of the 64 digits.
  std::string short_fingerprint() const { return "fp_" + fingerprint().substr(0, 16); }
};

}  // namespace verbatim::server
