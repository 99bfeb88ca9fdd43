#include "server/prompts.h"

#include <algorithm>

namespace verbatim::server {
namespace {

constexpr std::string_view kForms =
    "a string, an array of strings, an array of token ids, or an array of arrays of token ids";

Result<Prompt, ApiError> prompt_of_text(std::string text, std::string_view param, const ServedModel& model,
                                        EncodeOptions options, const Interrupt& interrupt) {
  auto tokens = tokens_of_text(text, param, model, options, interrupt);
  if (!tokens) return tokens.error();
  return Prompt{*std::move(tokens), std::move(text)};
}

Result<Prompt, ApiError> read_prompt(const OrderedJson& value, std::string_view param,
                                     const ServedModel& model, EncodeOptions options,
                                     const Interrupt& interrupt) {
  if (value.is_string()) return prompt_of_text(value.get<std::string>(), param, model, options, interrupt);
  if (value.is_array() && !value.empty()) {
    auto tokens = read_token_ids(value, param, model);
    if (!tokens) return tokens.error();
    std::string text = model.tokenizer().decode(*tokens);
    return Prompt{*std::move(tokens), std::move(text)};
  }
  return refuse(param, "{} is {}, must be {}", param, shown(value), kForms);
}

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};

// What every template needs. The rest of a message is the template's (chat/messages.h).
std::optional<ApiError> check_messages(const OrderedJson& messages) {
  if (messages.empty()) return refuse("messages", "messages is empty; give at least one");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const OrderedJson& message = messages[i];
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string())
      return refuse("messages", "messages[{}] is {}, must be an object with role and content", i,
                    shown(message));
    if (std::ranges::find(kRoles, message["role"].get<std::string>()) == std::end(kRoles))
      return refuse("messages",
                    "messages[{}] has the role {}, must be one of system, developer, user, assistant, tool",
                    i, shown(message["role"]));
    if (!message.contains("content") && !message.contains("tool_calls"))
      return refuse("messages", "messages[{}] has no content", i);
  }
  return {};
}

// chat_template_kwargs, and what other parameters say to the template. Templates that know no efforts know a switch.
OrderedJson template_variables(const Asked& asked) {
  OrderedJson variables =
      asked.chat_template_kwargs != nullptr ? *asked.chat_template_kwargs : OrderedJson::object();
  if (asked.reasoning_effort.empty()) return variables;
  if (!variables.contains("reasoning_effort")) variables["reasoning_effort"] = asked.reasoning_effort;
  if (asked.reasoning_effort == "none" && !variables.contains("enable_thinking"))
    variables["enable_thinking"] = false;
  return variables;
}

}  // namespace

Result<std::vector<std::int32_t>, ApiError> tokens_of_text(std::string_view text, std::string_view param,
                                                           const ServedModel& model, EncodeOptions options,
                                                           const Interrupt& interrupt) {
  std::optional<ApiError> why;
  const auto unwanted = [&] { return (why = interrupt()).has_value(); };
  auto tokens = model.tokenizer().encode(text, options, interrupt ? Stop(unwanted) : Stop());
  if (why) return *why;
  if (!tokens) return refuse(param, "{}: {}", param, tokens.error().message);
  return *std::move(tokens);
}

Result<std::vector<std::int32_t>, ApiError> read_token_ids(const OrderedJson& value, std::string_view param,
                                                           const ServedModel& model) {
  if (!value.is_array()) return refuse(param, "{} is {}, must be an array of token ids", param, shown(value));
  std::int64_t vocab = model.loaded->model->config().vocab_size;
  std::vector<std::int32_t> tokens;
  for (const OrderedJson& id : value) {
    if (!is_whole(id)) return refuse(param, "{} holds {} among token ids", param, shown(id));
    auto token = whole_number(id);
    if (!token || *token < 0 || *token >= vocab)
      return refuse(param, "{} holds token {} of a vocabulary of {}", param, shown(id), vocab);
    tokens.push_back(static_cast<std::int32_t>(*token));
  }
  return tokens;
}

Result<std::vector<Prompt>, ApiError> read_prompts(const OrderedJson& value, std::string_view param,
                                                   const ServedModel& model, EncodeOptions options,
                                                   const Interrupt& interrupt) {
  bool several =
      value.is_array() && !value.empty() && (value.front().is_string() || value.front().is_array());
  if (several && value.size() > kMostPrompts)
    return refuse(param, "{} holds {} prompts, at most {} are allowed", param, value.size(), kMostPrompts);
  std::vector<Prompt> prompts;
  for (std::size_t i = 0; i < (several ? value.size() : 1); ++i) {
    if (auto why = interrupt ? interrupt() : std::nullopt) return *why;
    auto prompt = read_prompt(several ? value[i] : value, param, model, options, interrupt);
    if (!prompt) return prompt.error();
    prompts.push_back(*std::move(prompt));
  }
  return prompts;
}

Result<Prompt, ApiError> read_conversation(const Asked& asked, const ServedModel& model,
                                           EncodeOptions encoding, const Interrupt& interrupt) {
  if (!model.chat) {
    ApiError error = refuse("messages",
                            "the model has no chat template; start the server with --chat-template FILE, or "
                            "use /v1/completions");
    error.code = "no_chat_template";
    return error;
  }
  if (asked.messages == nullptr) return refuse("messages", "messages is missing");
  if (auto refusal = check_messages(*asked.messages)) return *refusal;
  ChatOptions options = model.chat_options;
  options.continue_final_message = asked.continue_final_message;
  options.add_generation_prompt = asked.add_generation_prompt.value_or(!asked.continue_final_message);
  OrderedJson tools = asked.tools != nullptr ? *asked.tools : OrderedJson();
  auto text = model.chat->render(*asked.messages, tools, template_variables(asked), options);
  if (!text) return refuse("messages", "{}", text.error().message);
  return prompt_of_text(*std::move(text), "messages", model, encoding, interrupt);
}

}  // namespace verbatim::server
