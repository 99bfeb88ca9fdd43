#include "server/response_input.h"

#include <optional>
#include <utility>

namespace verbatim::server {
namespace {

// The Responses API calls parts of text input_text and output_text.
OrderedJson chat_content(OrderedJson content) {
  if (!content.is_array()) return content;
  for (OrderedJson& part : content)
    if (part.is_object() && part.contains("type") &&
        (part["type"] == "input_text" || part["type"] == "output_text"))
      part["type"] = "text";
  return content;
}

bool has_string(const OrderedJson& item, const char* key) {
  return item.contains(key) && item[key].is_string();
}

class InputReader {
 public:
  explicit InputReader(OrderedJson messages) : messages_(std::move(messages)) {}

  std::optional<ApiError> read(const OrderedJson& item, std::size_t index) {
    place_ = fmt::format("input[{}]", index);
    if (!item.is_object()) return refuse("input", "{} is {}, must be an item", place_, shown(item));
    const OrderedJson type = item.value("type", OrderedJson("message"));
    for (const Kind& kind : kKinds)
      if (type == kind.type) return (this->*kind.read)(item);
    return refuse("input",
                  "{}.type is {}; message, function_call, function_call_output and reasoning are supported "
                  "(this server keeps no state: items are sent whole)",
                  place_, shown(type));
  }
  OrderedJson messages() && { return std::move(messages_); }

 private:
  struct Kind {
    std::string_view type;
    std::optional<ApiError> (InputReader::*read)(const OrderedJson&);
  };
  static const Kind kKinds[4];

  std::optional<ApiError> message(const OrderedJson& item) {
    if (!item.contains("role") || !item.contains("content"))
      return refuse("input", "{} is {}, a message must have role and content", place_, shown(item));
    if (item["role"] == "assistant") {
      begin_assistant(chat_content(item["content"]));
    } else {
      OrderedJson message = {{"role", item["role"]}, {"content", chat_content(item["content"])}};
      messages_.push_back(std::move(message));
    }
    return {};
  }

  std::optional<ApiError> call(const OrderedJson& item) {
    for (const char* key : {"call_id", "name", "arguments"})
      if (!has_string(item, key))
        return refuse("input", "{}.{} is missing: a function_call has it, a string", place_, key);
    if (messages_.empty() || messages_.back()["role"] != "assistant") begin_assistant(nullptr);
    OrderedJson& turn = messages_.back();
    if (!turn.contains("tool_calls")) turn["tool_calls"] = OrderedJson::array();
    OrderedJson function = {{"name", item["name"]}, {"arguments", item["arguments"]}};
    OrderedJson call = {{"id", item["call_id"]}, {"type", "function"}, {"function", std::move(function)}};
    turn["tool_calls"].push_back(std::move(call));
    return {};
  }

  std::optional<ApiError> output(const OrderedJson& item) {
    if (!has_string(item, "call_id"))
      return refuse("input", "{}.call_id is missing: a function_call_output has it, a string", place_);
    if (!item.contains("output") || !(item["output"].is_string() || item["output"].is_array()))
      return refuse("input", "{}.output must be a string or an array of text parts", place_);
    OrderedJson message = {{"role", "tool"}, {"tool_call_id", item["call_id"]}};
    if (const std::string name = name_called(item["call_id"]); !name.empty()) message["name"] = name;
    message["content"] = chat_content(item["output"]);
    messages_.push_back(std::move(message));
    return {};
  }

  std::optional<ApiError> reasoning(const OrderedJson& item) {
    const OrderedJson parts = item.value("content", OrderedJson());
    if (!parts.is_array()) return {};  // none, or only a summary of it
    for (const OrderedJson& part : parts) {
      if (!part.is_object() || !has_string(part, "text"))
        return refuse("input", "{}.content holds {}, must hold parts with a text", place_, shown(part));
      reasoning_ += part["text"].get<std::string>();
    }
    return {};
  }

  void begin_assistant(OrderedJson content) {
    OrderedJson message = {{"role", "assistant"}, {"content", std::move(content)}};
    if (!reasoning_.empty()) message["reasoning_content"] = std::exchange(reasoning_, {});
    messages_.push_back(std::move(message));
  }

  // Empty: by no call before.
  std::string name_called(const OrderedJson& call_id) const {
    for (const OrderedJson& message : messages_) {
      if (!message.contains("tool_calls")) continue;
      for (const OrderedJson& call : message["tool_calls"])
        if (call["id"] == call_id) return call["function"]["name"].get<std::string>();
    }
    return {};
  }

  OrderedJson messages_;
  std::string reasoning_;  // of the assistant's turn that follows
  std::string place_;
};

const InputReader::Kind InputReader::kKinds[4] = {{"message", &InputReader::message},
                                                  {"function_call", &InputReader::call},
                                                  {"function_call_output", &InputReader::output},
                                                  {"reasoning", &InputReader::reasoning}};

}  // namespace

Result<OrderedJson, ApiError> messages_of_input(const Asked& asked) {
  if (asked.input == nullptr) return refuse("input", "input is missing");
  OrderedJson messages = OrderedJson::array();
  auto say = [&](const char* role, const OrderedJson& content) {
    OrderedJson message = {{"role", role}, {"content", content}};
    messages.push_back(std::move(message));
  };
  if (asked.instructions) {
    if (!asked.instructions->is_string()) return refuse("instructions", "instructions must be a string");
    say("system", *asked.instructions);
  }
  if (asked.input->is_string()) {
    say("user", *asked.input);
    return messages;
  }
  if (!asked.input->is_array())
    return refuse("input", "input is {}, must be a string or an array of items", shown(*asked.input));
  InputReader reader(std::move(messages));
  for (std::size_t i = 0; i < asked.input->size(); ++i)
    if (auto refusal = reader.read((*asked.input)[i], i)) return *refusal;
  return std::move(reader).messages();
}

}  // namespace verbatim::server
