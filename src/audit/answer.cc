#include "audit/answer.h"

#include <utility>

#include "json/json.h"
#include "json/reader.h"

namespace verbatim::audit {
namespace {

using Json = nlohmann::json;

// nullptr: there is none, or it is null.
const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

template <class Value>
std::optional<Value> value_at(const Json& object, const char* key) {
  const Json* found = find(object, key);
  return found == nullptr ? std::nullopt : std::optional(found->get<Value>());
}

std::string text_at(const Json& object, const char* key) {
  return value_at<std::string>(object, key).value_or("");
}

std::optional<std::int64_t> integer_at(const Json& object, const char* key) {
  const Json* found = find(object, key);
  return found == nullptr ? std::nullopt : std::optional(integer_of<std::int64_t>(*found));
}

Token plain_token(const Json& json) {
  const Json* bytes = find(json, "bytes");
  return {json.at("token").get<std::string>(),
          bytes == nullptr ? std::nullopt : std::optional(integers_of<std::int64_t>(*bytes)),
          integer_at(json, "id"), value_at<double>(json, "logprob")};
}

Json plain_json(const Token& token) {
  Json json = {{"token", token.text}};
  if (token.logprob) json["logprob"] = *token.logprob;
  if (token.bytes) json["bytes"] = *token.bytes;
  if (token.id) json["id"] = *token.id;
  return json;
}

// The older completions' form: tokens, token_logprobs, and an object of tokens for each place.
void put_lists(const Json& logprobs, std::vector<ScoredToken>& tokens) {
  const Json* texts = find(logprobs, "tokens");
  const Json* values = find(logprobs, "token_logprobs");
  const Json* tops = find(logprobs, "top_logprobs");
  if (texts == nullptr) return;
  for (std::size_t i = 0; i < texts->size(); ++i) {
    ScoredToken token;
    token.text = texts->at(i).get<std::string>();
    if (values != nullptr && !values->at(i).is_null()) token.logprob = values->at(i).get<double>();
    if (tops != nullptr && tops->at(i).is_object()) {
      for (const auto& [text, logprob] : tops->at(i).items()) {
        token.top.push_back({text, std::nullopt, std::nullopt, logprob.get<double>()});
      }
    }
    tokens.push_back(std::move(token));
  }
}

void put_logprobs(const Json& logprobs, std::vector<ScoredToken>& tokens) {
  const Json* content = find(logprobs, "content");
  if (content == nullptr) return put_lists(logprobs, tokens);
  for (const Json& token : *content) tokens.push_back(token_of(token));
}

std::string said_text(const Json& choice) {
  std::string text = text_at(choice, "text");
  for (const char* part : {"delta", "message"}) {
    const Json* message = find(choice, part);
    if (message == nullptr) continue;
    text += text_at(*message, "reasoning_content") + text_at(*message, "content");
  }
  return text;
}

}  // namespace

bool Token::same_token(const Token& other) const {
  if (id && other.id) return id == other.id;
  if (bytes && other.bytes) return bytes == other.bytes;
  return text == other.text;
}

Json to_json(const ScoredToken& token) {
  Json json = plain_json(token);
  if (token.top.empty()) return json;
  Json& top = json["top_logprobs"] = Json::array();
  for (const Token& each : token.top) top.push_back(plain_json(each));
  return json;
}

ScoredToken token_of(const Json& json) {
  ScoredToken token{plain_token(json), {}};
  if (const Json* top = find(json, "top_logprobs")) {
    for (const Json& each : *top) token.top.push_back(plain_token(each));
  }
  return token;
}

Result<bool> AnswerReader::put(const std::string& json) {
  try {
    auto read = parse_json(json, "not what the API promises");
    if (!read) return read.error();
    const Json& event = *read;
    if (const Json* error = find(event, "error")) {
      return fail("the server reports an error: {}",
                  error->dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 300));
    }
    if (auto fingerprint = text_at(event, "system_fingerprint"); !fingerprint.empty()) {
      answer_.fingerprint = std::move(fingerprint);
    }
    if (const Json* usage = find(event, "usage")) {
      answer_.output_tokens = integer_at(*usage, "completion_tokens").value_or(0);
    }
    const Json* choices = find(event, "choices");
    if (choices == nullptr || choices->empty()) return false;
    const Json& choice = choices->at(0);
    std::string text = said_text(choice);
    std::size_t tokens = answer_.tokens.size() + ids_.size();
    answer_.text += text;
    answer_.finish_reason += text_at(choice, "finish_reason");
    if (const Json* logprobs = find(choice, "logprobs")) put_logprobs(*logprobs, answer_.tokens);
    if (const Json* ids = find(choice, "token_ids")) {
      for (std::int64_t id : integers_of<std::int64_t>(*ids)) ids_.push_back(id);
    }
    return !text.empty() || answer_.tokens.size() + ids_.size() > tokens;
  } catch (const Json::exception& error) {
    return fail("not what the API promises: {}", json_complaint(error));
  }
}

Answer AnswerReader::take() {
  if (answer_.tokens.empty()) answer_.tokens.resize(ids_.size());
  if (answer_.tokens.size() == ids_.size()) {
    for (std::size_t i = 0; i < ids_.size(); ++i) answer_.tokens[i].id = ids_[i];
  }
  return std::move(answer_);
}

}  // namespace verbatim::audit
