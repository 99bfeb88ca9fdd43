#include "server/call.h"

#include <algorithm>

#include "base/sha256.h"
#include "server/prediction.h"
#include "server/response_input.h"
#include "server/tool_use.h"

namespace verbatim::server {
namespace {

constexpr std::int64_t kDefaultCompletionTokens = 16;  // OpenAI's
constexpr std::size_t kMostChoices = 4096;
constexpr std::size_t kMostReceiptBytes = std::size_t{64}
                                          << 20;  // of parameters, in all receipts of an answer

struct EndpointPath {
  Endpoint endpoint;
  std::string_view path;
};
constexpr EndpointPath kEndpointPaths[] = {
    {kChat, "/v1/chat/completions"}, {kCompletions, "/v1/completions"}, {kResponses, "/v1/responses"}};

// How the text of prompts is encoded: conversations bring the special tokens of their template.
EncodeOptions encoding_of(const Asked& asked, Endpoint endpoint) {
  const bool conversation = endpoint == kChat || endpoint == kResponses;
  return {asked.add_special_tokens.value_or(!conversation), true};
}

Result<std::vector<Prompt>, ApiError> prompts_of(const Asked& asked, const ToolUse& tools, Endpoint endpoint,
                                                 const ServedModel& model, const Interrupt& interrupt) {
  EncodeOptions options = encoding_of(asked, endpoint);
  const OrderedJson* text = endpoint == kScore ? asked.input : asked.prompt;
  std::string_view param = endpoint == kScore ? "input" : "prompt";
  if (endpoint == kCompletions || endpoint == kScore) {
    if (text == nullptr) return refuse(param, "{} is missing", param);
    return read_prompts(*text, param, model, options, interrupt);
  }
  Asked conversation = asked;
  conversation.tools = tools.shown.is_null() ? nullptr : &tools.shown;
  OrderedJson messages;
  if (endpoint == kResponses) {
    auto read = messages_of_input(asked);
    if (!read) return read.error();
    messages = *std::move(read);
    conversation.messages = &messages;
  }
  auto prompt = read_conversation(conversation, model, options, interrupt);
  if (!prompt) return prompt.error();
  return std::vector{*std::move(prompt)};
}

std::string_view prompt_parameter(Endpoint endpoint) {
  switch (endpoint) {
    case kChat:
      return "messages";
    case kCompletions:
      return "prompt";
    default:
      return "input";
  }
}

// How many tokens an answer may have: as asked, or what is usual and fits.
Result<std::int64_t, ApiError> room_for_answer(const Prompt& prompt, const Asked& asked, Endpoint endpoint,
                                               const ServedModel& model) {
  auto size = static_cast<std::int64_t>(prompt.tokens.size());
  std::int64_t room = model.context - size;
  std::int64_t usual = endpoint == kCompletions && asked.max_tokens != -1 ? kDefaultCompletionTokens : room;
  std::int64_t wanted = std::max<std::int64_t>(std::min(usual, room), 1);
  if (asked.max_tokens && *asked.max_tokens >= 0) wanted = *asked.max_tokens;
  if (endpoint == kScore) wanted = 0;
  if (wanted <= room) return wanted;
  // Clients look for OpenAI's words, to tell this error from others.
  std::string_view prompt_name = prompt_parameter(endpoint);
  ApiError error =
      refuse(prompt_name,
             "This model's maximum context length is {} tokens. However, you requested {} tokens ({} in the "
             "{}, {} in the completion). Please reduce the length of the {} or completion.",
             model.context, size + wanted, size, prompt_name, wanted, prompt_name);
  error.code = "context_length_exceeded";
  return error;
}

Result<std::shared_ptr<const Constraint>, ApiError> constraint_of(const Asked& asked, const ToolUse& tools,
                                                                  Endpoint endpoint,
                                                                  const ServedModel& model) {
  std::shared_ptr<const Constraint> format;
  if (asked.response_format != nullptr) {
    auto read =
        model.formats->read(*asked.response_format, endpoint == kResponses ? "text" : "response_format");
    if (!read) return read.error();
    format = *std::move(read);
  }
  if (tools.calls.is_null() || (format == nullptr && !tools.must_call)) return format;
  OrderedJson forms = tools.calls;
  if (!tools.must_call) {
    OrderedJson answer = {{"schema", OrderedJson::parse(format->schema())}};
    forms.push_back(std::move(answer));
  }
  return model.formats->schema(forms, "tools");
}

GenerateRequest request_of(const Prompt& prompt, const Asked& asked, std::int64_t max_tokens,
                           Endpoint endpoint) {
  const Show& show = asked.show;
  GenerateRequest request;
  request.prompt = prompt.tokens;
  request.max_tokens = max_tokens;
  request.min_tokens = asked.min_tokens;
  request.n = asked.n;
  request.sampling = asked.sampling;
  request.stop_tokens = asked.stop_token_ids;
  request.stop_strings = asked.stop;
  request.ignore_eos = asked.ignore_eos;
  request.skip_special = asked.skip_special_tokens;
  request.hidden = show.receipt;
  if (endpoint == kScore) {
    request.prompt_logprobs = show.logprobs;
    auto size = static_cast<std::int64_t>(prompt.tokens.size());
    request.prompt_from = std::clamp<std::int64_t>(show.score_from - 1, 0, size);
    return request;
  }
  request.logprobs = show.logprobs;
  request.prompt_logprobs = show.prompt_logprobs;
  if (show.echo && show.logprobs)
    request.prompt_logprobs = std::max(*show.logprobs, show.prompt_logprobs.value_or(0));
  return request;
}

// ReceiptShow::parameters for each prompt.
Result<std::vector<std::string>, ApiError> receipt_parameters(const Call& call, OrderedJson body) {
  const OrderedJson prompt = body.value("prompt", OrderedJson());
  const bool several = prompt.is_array() && (prompt.front().is_string() || prompt.front().is_array());
  for (const char* key : {"model", "prompt", "messages", "input", "prediction", "cache_salt", "user"})
    body.erase(key);
  for (const std::string& key : call.ignored) body.erase(key);
  if (const std::size_t bytes = body.dump().size(); bytes * call.choices() > kMostReceiptBytes)
    return refuse("receipt",
                  "the receipts of {} answers, each with {} bytes of parameters, are more than {} MiB; ask "
                  "for fewer answers at once",
                  call.choices(), bytes, kMostReceiptBytes >> 20);
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < call.prompts.size(); ++i) {
    if (call.show.echo) body["prompt"] = several ? prompt[i] : prompt;
    parameters.push_back(body.dump());
  }
  return parameters;
}

std::string digest_of(const Call& call, const OrderedJson& body, const ServedModel& model) {
  Sha256 sha;
  auto part = [&](std::string_view bytes) {
    sha.update(fmt::format("{}:", bytes.size()));
    sha.update(bytes);
  };
  part(model.fingerprint());
  part(fmt::format("{}", static_cast<unsigned>(call.endpoint)));
  part(call.model);
  OrderedJson deciding = body;
  for (const char* key : {"prediction", "cache_salt"}) deciding.erase(key);
  part(deciding.dump());
  // What comes from the server and not from the body.
  part(effective_parameters(call));
  for (const GenerateRequest& request : call.requests) part(fmt::format("{}", request.max_tokens));
  if (call.show.receipt) part(model.version), part(model.receipt_key_json());
  return sha.hex().substr(0, 24);
}

}  // namespace

std::string_view path_of(Endpoint endpoint) {
  const auto* found = std::ranges::find(kEndpointPaths, endpoint, &EndpointPath::endpoint);
  CHECK(found != std::end(kEndpointPaths), "endpoint {} has no answers", static_cast<unsigned>(endpoint));
  return found->path;
}

std::optional<Endpoint> endpoint_at(std::string_view path) {
  const auto* found = std::ranges::find(kEndpointPaths, path, &EndpointPath::path);
  return found == std::end(kEndpointPaths) ? std::nullopt : std::optional(found->endpoint);
}

std::optional<ApiError> check_model_name(const std::string& name, const ServedModel& model) {
  if (name.empty() || std::ranges::find(model.names, name) != model.names.end()) return {};
  return ApiError{404,
                  fmt::format("the model '{}' is not served here; use '{}'", name, model.names.front()),
                  "model",
                  "model_not_found",
                  {}};
}

Result<Call, ApiError> read_call(const std::string& body, Endpoint endpoint, const ServedModel& model,
                                 const Interrupt& interrupt, const std::vector<std::int32_t>* conversation) {
  auto tree = parse_body(body);
  if (!tree) {
    ApiError error = refuse("", "{}", tree.error().message);
    error.code = "invalid_json";
    return error;
  }
  auto read = read_parameters(*tree, endpoint, model.defaults());
  if (!read) return read.error();
  const Asked& asked = read->asked;
  if (auto refusal = check_model_name(asked.model, model)) return *refusal;

  auto tools = read_tools(asked, endpoint, model);
  if (!tools) return tools.error();
  auto prompts = conversation != nullptr ? std::vector{Prompt{*conversation, {}}}
                                         : prompts_of(asked, *tools, endpoint, model, interrupt);
  if (!prompts) return prompts.error();
  Call call;
  call.endpoint = endpoint;
  call.model = asked.model.empty() ? model.names.front() : asked.model;
  call.show = asked.show;
  if (asked.tools != nullptr) call.show.tools = asked.tools->dump();
  if (asked.tool_choice != nullptr) call.show.tool_choice = asked.tool_choice->dump();
  call.prompts = *std::move(prompts);
  call.make_parser = std::move(tools->make_parser);
  call.ignored = std::move(read->ignored);
  call.cache_salt = asked.cache_salt;
  if (auto why = interrupt ? interrupt() : std::nullopt) return *why;
  auto constraint = constraint_of(asked, *tools, endpoint, model);
  if (!constraint) return constraint.error();
  if (call.prompts.size() * static_cast<std::size_t>(asked.n) > kMostChoices)
    return refuse("n", "{} prompts with n {} are more than {} answers", call.prompts.size(), asked.n,
                  kMostChoices);
  for (const Prompt& prompt : call.prompts) {
    auto max_tokens = room_for_answer(prompt, asked, endpoint, model);
    if (!max_tokens) return max_tokens.error();
    call.requests.push_back(request_of(prompt, asked, *max_tokens, endpoint));
    call.requests.back().constraint = *constraint;
    if (!tools->stop.empty()) call.requests.back().stop_strings.push_back(tools->stop);
  }
  if (asked.prediction != nullptr) {
    if (call.choices() > 1)
      return refuse("prediction", "prediction is for one answer; set n to 1 and give one prompt");
    auto draft = read_prediction(*asked.prediction, call.prompts.front(), model, encoding_of(asked, endpoint),
                                 interrupt);
    if (!draft) return draft.error();
    if (static_cast<std::int64_t>(draft->size()) > model.context)
      return refuse("prediction", "prediction has {} tokens, more than the context of {}", draft->size(),
                    model.context);
    call.requests.front().draft = *std::move(draft);
  }
  call.digest = digest_of(call, *tree, model);
  if (call.show.receipt) {
    auto parameters = receipt_parameters(call, *std::move(tree));
    if (!parameters) return parameters.error();
    call.parameters = *std::move(parameters);
  }
  if (!tools->shown.is_null() && model.chat && !model.chat->takes().tools) call.ignored.emplace_back("tools");
  return call;
}

std::string effective_parameters(const Call& call) {
  const GenerateRequest& request = call.requests.front();
  const SamplingParams& s = request.sampling;
  return fmt::format(
      "max_tokens={} temperature={} top_k={} top_p={} min_p={} repetition_penalty={} frequency_penalty={} "
      "presence_penalty={} seed={}",
      request.max_tokens, s.temperature, s.top_k, s.top_p, s.min_p, s.repetition_penalty, s.frequency_penalty,
      s.presence_penalty, s.seed);
}

}  // namespace verbatim::server
