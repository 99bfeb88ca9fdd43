#include "chat/messages.h"

#include <utility>

#include "json/library.h"
#include "json/reader.h"

namespace verbatim {
namespace {

using Json = nlohmann::ordered_json;

// The text of the parts, joined by line ends, as vLLM and llama.cpp do.
Result<std::string> joined_parts(const Json& parts, const std::string& where) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Json& part = parts[i];
    const std::string place = fmt::format("{}[{}]", where, i);
    if (!part.is_object() || !part.contains("type") || !part["type"].is_string())
      return fail("{} must be an object with a 'type'", place);
    if (part["type"] != "text")
      return fail("{}.type '{}' is not supported: this model reads text parts only", place,
                  part["type"].get_ref<const std::string&>());
    if (!part.contains("text") || !part["text"].is_string()) return fail("{}.text must be a string", place);
    if (i > 0) text += '\n';
    text += part["text"].get_ref<const std::string&>();
  }
  return text;
}

Status normalise_content(Json& message, const std::string& where, const ChatTemplate::Takes& takes) {
  Json& content = message["content"];  // absent is null
  if (content.is_null()) {
    if (!takes.null_content) content = takes.content_text ? Json("") : Json::array();
  } else if (content.is_string()) {
    if (!takes.content_text) content = Json::array({{{"type", "text"}, {"text", content}}});
  } else if (content.is_array()) {
    Result<std::string> text = joined_parts(content, where);
    if (!text.ok()) return text.error();
    if (!takes.content_parts) content = *text;
  } else {
    return fail("{} must be a string, an array of parts, or null", where);
  }
  return {};
}

Status normalise_arguments(Json& call, const std::string& where, const ChatTemplate::Takes& takes) {
  if (!call.is_object() || !call.contains("function") || !call["function"].is_object())
    return fail("{} must be an object with a 'function'", where);
  Json& function = call["function"];
  if (!function.contains("arguments")) return {};
  Json& arguments = function["arguments"];
  if (arguments.is_string()) {
    const auto& text = arguments.get_ref<const std::string&>();
    const std::string complaint = where + ".function.arguments is not the text of a JSON object";
    auto parsed = parse_ordered_json(text.empty() ? "{}" : text, complaint);
    if (!parsed) return parsed.error();
    if (!parsed->is_object()) return fail("{}", complaint);
    if (takes.object_arguments) arguments = *std::move(parsed);
  } else if (!arguments.is_object()) {
    return fail("{}.function.arguments must be the text of a JSON object", where);
  } else if (!takes.object_arguments) {
    arguments = arguments.dump();
  }
  return {};
}

// The calls and results of a conversation whose template does not write them, as content.

std::string call_text(const Json& call) {
  const Json& function = call["function"];
  const Json arguments = function.value("arguments", Json("{}"));
  std::string text = arguments.is_string() ? arguments.get<std::string>() : arguments.dump();
  if (text.empty()) text = "{}";
  return fmt::format("<tool_call>\n{{\"name\": {}, \"arguments\": {}}}\n</tool_call>",
                     function.value("name", Json("")).dump(), text);
}

Result<std::string> content_text(const Json& message, const std::string& where) {
  const Json content = message.value("content", Json());
  if (content.is_array()) return joined_parts(content, where);
  return content.is_string() ? content.get<std::string>() : std::string();
}

Status write_out_calls(Json& message, const std::string& where) {
  Result<std::string> text = content_text(message, where);
  if (!text.ok()) return text.error();
  for (const Json& call : message["tool_calls"]) *text += (text->empty() ? "" : "\n") + call_text(call);
  message.erase("tool_calls");
  message["content"] = *text;
  return {};
}

// A tool's message becomes the user's; those that follow each other become one.
Status write_out_results(Json& messages, const ChatTemplate::Takes& takes) {
  Json written = Json::array();
  std::string results;
  auto flush = [&]() -> Status {
    if (results.empty()) return {};
    Json user = {{"role", "user"}, {"content", std::exchange(results, {})}};
    Status status = normalise_content(user, "", takes);
    written.push_back(std::move(user));
    return status;
  };
  for (Json& message : messages) {
    if (message["role"] == "tool") {
      Result<std::string> text = content_text(message, "content");
      if (!text.ok()) return text.error();
      results += fmt::format("{}<tool_response>\n{}\n</tool_response>", results.empty() ? "" : "\n", *text);
      continue;
    }
    if (Status status = flush(); !status.ok()) return status;
    written.push_back(std::move(message));
  }
  if (Status status = flush(); !status.ok()) return status;
  messages = std::move(written);
  return {};
}

Status normalise_calls(Json& message, const std::string& where, const ChatTemplate::Takes& takes) {
  if (!message.contains("tool_calls")) return {};
  Json& calls = message["tool_calls"];
  if (calls.is_null()) {  // as good as absent: templates ask whether the key is there
    message.erase("tool_calls");
    return {};
  }
  if (!calls.is_array()) return fail("{}.tool_calls must be an array", where);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Status status = normalise_arguments(calls[i], fmt::format("{}.tool_calls[{}]", where, i), takes);
    if (!status.ok()) return status;
  }
  return takes.tool_calls || calls.empty() ? Status() : write_out_calls(message, where + ".content");
}

Status normalise(Json& message, const std::string& where, const ChatTemplate::Takes& takes) {
  if (!message.is_object()) return fail("{} must be an object", where);
  if (!message.contains("role") || !message["role"].is_string())
    return fail("{}.role must be a string", where);
  if (Status status = normalise_calls(message, where, takes); !status.ok()) return status;
  return normalise_content(message, where + ".content", takes);
}

}  // namespace

Result<Json> normalised_messages(const Json& messages, const ChatTemplate::Takes& takes) {
  if (!messages.is_array()) return fail("messages must be an array");
  Json result = messages;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (Status status = normalise(result[i], fmt::format("messages[{}]", i), takes); !status.ok())
      return status.error();
  }
  if (!takes.tool_messages)
    if (Status status = write_out_results(result, takes); !status.ok()) return status.error();
  return result;
}

}  // namespace verbatim
