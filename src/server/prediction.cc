#include "server/prediction.h"

#include <algorithm>

namespace verbatim::server {
namespace {

Result<std::string, ApiError> text_of(const OrderedJson& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  for (const OrderedJson& part : content.is_array() ? content : OrderedJson::array({content})) {
    if (!part.is_object() || !part.contains("text") || !part["text"].is_string())
      return refuse("prediction", "prediction.content is {}, must be a string, or an array of text parts",
                    shown(content));
    text += part["text"].get<std::string>();
  }
  return text;
}

// As the model would most likely write it after the prompt: where the tokens of both texts together begin with the
// prompt's, the others.
Result<std::vector<std::int32_t>, ApiError> tokens_of(const std::string& text, const Prompt& prompt,
                                                      const ServedModel& model, EncodeOptions options,
                                                      const Interrupt& interrupt) {
  auto both = tokens_of_text(prompt.text + text, "prediction", model, options, interrupt);
  if (!both) return both.error();
  auto [rest, end_of_prompt] = std::ranges::mismatch(*both, prompt.tokens);
  if (end_of_prompt == prompt.tokens.end()) return std::vector(rest, both->end());
  return tokens_of_text(text, "prediction", model, {.add_special = false}, interrupt);
}

}  // namespace

Result<std::vector<std::int32_t>, ApiError> read_prediction(const OrderedJson& prediction,
                                                            const Prompt& prompt, const ServedModel& model,
                                                            EncodeOptions options,
                                                            const Interrupt& interrupt) {
  const std::string type =
      prediction.contains("type") && prediction["type"].is_string() ? prediction["type"] : OrderedJson("");
  if ((type != "content" && type != "token_ids") || !prediction.contains(type))
    return refuse("prediction",
                  "prediction is {}, must be {{\"type\": \"content\", \"content\": ...}} or {{\"type\": "
                  "\"token_ids\", \"token_ids\": [...]}}",
                  shown(prediction));
  if (type == "token_ids") return read_token_ids(prediction["token_ids"], "prediction.token_ids", model);
  auto text = text_of(prediction["content"]);
  if (!text) return text.error();
  return tokens_of(*text, prompt, model, options, interrupt);
}

}  // namespace verbatim::server
