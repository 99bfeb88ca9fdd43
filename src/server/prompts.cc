#include "server/prompts.h"

#include <algorithm>

namespace verbatim::server {
namespace {

constexpr std::string_view kForms =
    "a string, an array of strings, an array of token ids, or an array of arrays of token ids";

Result<Prompt, ApiError> prompt_of_text(std::string text, std::string_view param, const ServedModel& model,
                                        EncodeOptions options) {
  auto tokens = model.tokenizer().encode(text, options);
  if (!tokens) return refuse(param, "{}: {}", param, tokens.error().message);
  return Prompt{*std::move(tokens), std::move(text)};
}

Result<Prompt, ApiError> prompt_of_ids(const OrderedJson& ids, std::string_view param,
                                       const ServedModel& model) {
  std::int64_t vocab = model.loaded->model->config().vocab_size;
  Prompt prompt;
  for (const OrderedJson& id : ids) {
    if (!id.is_number_integer()) return refuse(param, "{} holds {} among token ids", param, shown(id));
    auto value = id.get<std::int64_t>();
    if (value < 0 || value >= vocab)
      return refuse(param, "{} holds token {} of a vocabulary of {}", param, shown(id), vocab);
    prompt.tokens.push_back(static_cast<std::int32_t>(value));
  }
  prompt.text = model.tokenizer().decode(prompt.tokens);
  return prompt;
}

Result<Prompt, ApiError> read_prompt(const OrderedJson& value, std::string_view param,
                                     const ServedModel& model, EncodeOptions options) {
  if (value.is_string()) return prompt_of_text(value.get<std::string>(), param, model, options);
  if (value.is_array() && !value.empty()) return prompt_of_ids(value, param, model);
  return refuse(param, "{} is {}, must be {}", param, shown(value), kForms);
}

// "" where there is no such string.
std::string string_at(const OrderedJson& object, std::string_view key) {
  if (!object.is_object() || !object.contains(key)) return {};
  const OrderedJson& value = object[std::string(key)];
  return value.is_string() ? value.get<std::string>() : std::string();
}

// A message's content as one string; the texts of several parts are joined by newlines, as vLLM does.
Result<OrderedJson, ApiError> flat_content(const OrderedJson& content, std::string_view where) {
  if (content.is_string() || content.is_null()) return content;
  if (!content.is_array())
    return refuse("messages", "{} has the content {}, must be a string or an array of parts", where,
                  shown(content));
  std::string text;
  for (const OrderedJson& part : content) {
    std::string type = string_at(part, "type");
    bool is_text = type == "text" || type == "input_text" || type == "output_text";
    if (!is_text || !part.contains("text") || !part["text"].is_string())
      return refuse("messages", "{} has a content part of type {}, only text is supported", where,
                    shown(OrderedJson(type)));
    if (&part != &content[0]) text += '\n';
    text += part["text"].get<std::string>();
  }
  return OrderedJson(text);
}

// OpenAI gives a call's arguments as JSON in a string, templates want the object (as vLLM hands it over).
std::optional<ApiError> parse_arguments(OrderedJson& calls, std::string_view where) {
  if (!calls.is_array()) return refuse("messages", "{} has tool_calls that are not an array", where);
  for (OrderedJson& call : calls) {
    if (!call.is_object() || !call.contains("function") || !call["function"].is_object())
      return refuse("messages", "{} has a tool call without a function", where);
    OrderedJson& function = call["function"];
    if (!function.contains("arguments") || !function["arguments"].is_string()) continue;
    auto arguments = function["arguments"].get<std::string>();
    auto parsed = parse_body(arguments.empty() ? "{}" : arguments);
    if (!parsed)
      return refuse("messages", "{} has a tool call whose arguments are not a JSON object: {}", where,
                    parsed.error().message);
    function["arguments"] = *std::move(parsed);
  }
  return {};
}

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};

Result<OrderedJson, ApiError> normal_message(const OrderedJson& message, std::string_view where) {
  if (!message.is_object() || !message.contains("role") || !message["role"].is_string())
    return refuse("messages", "{} is {}, must be an object with role and content", where, shown(message));
  auto role = message["role"].get<std::string>();
  if (std::ranges::find(kRoles, role) == std::end(kRoles))
    return refuse("messages", "{} has the role {}, must be one of system, developer, user, assistant, tool",
                  where, shown(OrderedJson(role)));
  OrderedJson normal = message;
  if (!normal.contains("content") && !normal.contains("tool_calls"))
    return refuse("messages", "{} has no content", where);
  if (!normal.contains("content")) normal["content"] = nullptr;
  auto content = flat_content(normal["content"], where);
  if (!content) return content.error();
  normal["content"] = *std::move(content);
  if (normal.contains("tool_calls") && normal["tool_calls"].is_null()) normal.erase("tool_calls");
  if (normal.contains("tool_calls"))
    if (auto refusal = parse_arguments(normal["tool_calls"], where)) return *refusal;
  return normal;
}

Result<OrderedJson, ApiError> normal_messages(const OrderedJson& messages) {
  if (messages.empty()) return refuse("messages", "messages is empty; give at least one");
  OrderedJson normal = OrderedJson::array();
  for (const OrderedJson& message : messages) {
    auto one = normal_message(message, fmt::format("messages[{}]", normal.size()));
    if (!one) return one.error();
    normal.push_back(*std::move(one));
  }
  return normal;
}

}  // namespace

Result<std::vector<Prompt>, ApiError> read_prompts(const OrderedJson& value, std::string_view param,
                                                   const ServedModel& model, EncodeOptions options) {
  bool several =
      value.is_array() && !value.empty() && (value.front().is_string() || value.front().is_array());
  if (several && value.size() > kMostPrompts)
    return refuse(param, "{} holds {} prompts, at most {} are allowed", param, value.size(), kMostPrompts);
  std::vector<Prompt> prompts;
  for (std::size_t i = 0; i < (several ? value.size() : 1); ++i) {
    auto prompt = read_prompt(several ? value[i] : value, param, model, options);
    if (!prompt) return prompt.error();
    prompts.push_back(*std::move(prompt));
  }
  return prompts;
}

Result<Prompt, ApiError> read_conversation(const Asked& asked, const ServedModel& model) {
  if (!model.render_chat) {
    ApiError error = refuse("messages",
                            "the model has no chat template; start the server with "
                            "--chat-template FILE, or use /v1/completions");
    error.code = "no_chat_template";
    return error;
  }
  if (asked.messages == nullptr) return refuse("messages", "messages is missing");
  auto messages = normal_messages(*asked.messages);
  if (!messages) return messages.error();
  ChatRequest chat{*std::move(messages), asked.tools ? *asked.tools : OrderedJson(),
                   asked.chat_template_kwargs ? *asked.chat_template_kwargs : OrderedJson::object(),
                   asked.add_generation_prompt};
  auto text = model.render_chat(chat);
  if (!text) return refuse("messages", "the chat template refuses: {}", text.error().message);
  return prompt_of_text(*std::move(text), "messages", model,
                        {asked.add_special_tokens.value_or(false), true});
}

Result<OrderedJson, ApiError> messages_of_input(const Asked& asked) {
  if (asked.input == nullptr) return refuse("input", "input is missing");
  OrderedJson messages = OrderedJson::array();
  if (asked.instructions) {
    if (!asked.instructions->is_string()) return refuse("instructions", "instructions must be a string");
    messages.push_back({{"role", "system"}, {"content", *asked.instructions}});
  }
  if (asked.input->is_string()) {
    messages.push_back({{"role", "user"}, {"content", *asked.input}});
    return messages;
  }
  if (!asked.input->is_array())
    return refuse("input", "input is {}, must be a string or an array of messages", shown(*asked.input));
  for (const OrderedJson& item : *asked.input) {
    bool message = item.is_object() && (!item.contains("type") || string_at(item, "type") == "message") &&
                   item.contains("role") && item.contains("content");
    if (!message)
      return refuse("input", "input holds {}, only messages with role and content are supported",
                    shown(item));
    messages.push_back({{"role", item["role"]}, {"content", item["content"]}});
  }
  return messages;
}

}  // namespace verbatim::server
