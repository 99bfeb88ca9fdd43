// The table of parameters: every name that a body may hold, where it may stand, how it is read.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "server/asked.h"
#include "server/unsupported_parameters.h"

namespace verbatim::server {
namespace {

using Refusal = std::optional<ApiError>;

constexpr unsigned kTexts = kChat | kCompletions;
constexpr unsigned kAnswers = kTexts | kResponses;
constexpr double kAny = std::numeric_limits<double>::infinity();

// A body being read. `logprobs_wanted`, `top_logprobs` and `max_completion_tokens` are joined at the end.
struct Reading {
  Asked asked;
  std::optional<bool> logprobs_wanted;
  std::optional<std::int64_t> top_logprobs, max_completion_tokens;
  bool stream_options = false;
};

struct Parameter {
  std::string_view name;
  unsigned endpoints;
  Refusal (*read)(const OrderedJson& value, const Parameter& parameter, Reading& reading);
  double low = -kAny, high = kAny;
};

ApiError wrong_type(const Parameter& parameter, const OrderedJson& value, std::string_view wanted) {
  return refuse(parameter.name, "{} is {}, must be {}", parameter.name, shown(value), wanted);
}

Refusal check_range(const Parameter& parameter, double value, const OrderedJson& shown_value) {
  if (value >= parameter.low && value <= parameter.high) return {};
  return refuse(parameter.name, "{} is {}, must be in {} .. {}", parameter.name, shown(shown_value),
                parameter.low, parameter.high);
}

// ---- readers: one a type --------------------------------------------------------------------------

// A member of Reading, of Asked or of Show.
template <auto Member>
auto& member_of(Reading& reading) {
  if constexpr (requires { reading.*Member; }) {
    return reading.*Member;
  } else if constexpr (requires { reading.asked.*Member; }) {
    return reading.asked.*Member;
  } else {
    return reading.asked.show.*Member;
  }
}

template <float SamplingParams::*Member>
Refusal number(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_number()) return wrong_type(parameter, value, "a number");
  reading.asked.sampling.*Member = static_cast<float>(value.get<double>());
  return check_range(parameter, value.get<double>(), value);
}

// An integer that int64 holds, also where it is written 5.0.
Refusal read_integer(const OrderedJson& value, const Parameter& parameter, std::int64_t& out) {
  if (!is_whole(value)) return wrong_type(parameter, value, "an integer");
  auto whole = whole_number(value);
  if (!whole) return refuse(parameter.name, "{} is {}, which is too large", parameter.name, shown(value));
  out = *whole;
  return check_range(parameter, static_cast<double>(out), value);
}

template <auto Member>
Refusal integer(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  std::int64_t number = 0;
  if (Refusal refusal = read_integer(value, parameter, number)) return refusal;
  member_of<Member>(reading) = number;
  return {};
}

template <auto Member>
Refusal boolean(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_boolean()) return wrong_type(parameter, value, "true or false");
  member_of<Member>(reading) = value.get<bool>();
  return {};
}

// Read later, by the code that knows what it may hold.
template <const OrderedJson* Asked::*Member>
Refusal as_it_is(const OrderedJson& value, const Parameter&, Reading& reading) {
  reading.asked.*Member = &value;
  return {};
}

template <const OrderedJson* Asked::*Member>
Refusal object(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_object()) return wrong_type(parameter, value, "an object");
  return as_it_is<Member>(value, parameter, reading);
}

template <const OrderedJson* Asked::*Member>
Refusal array(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_array()) return wrong_type(parameter, value, "an array");
  return as_it_is<Member>(value, parameter, reading);
}

// ---- readers of their own -------------------------------------------------------------------------

Refusal read_model(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_string()) return wrong_type(parameter, value, "a string");
  reading.asked.model = value.get<std::string>();
  return {};
}

Refusal read_user(const OrderedJson& value, const Parameter& parameter, Reading&) {
  if (!value.is_string()) return wrong_type(parameter, value, "a string");
  return {};
}

// As vLLM has it.
Refusal read_cache_salt(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  constexpr std::size_t kMostBytes = 256;
  const bool fits = value.is_string() && !value.get_ref<const std::string&>().empty() &&
                    value.get_ref<const std::string&>().size() <= kMostBytes;
  if (!fits) return wrong_type(parameter, value, fmt::format("a string of 1 to {} bytes", kMostBytes));
  reading.asked.cache_salt = value.get<std::string>();
  return {};
}

Refusal read_top_k(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  std::int64_t k = 0;
  if (Refusal refusal = read_integer(value, parameter, k)) return refusal;
  reading.asked.sampling.top_k = std::max<std::int64_t>(k, 0);  // -1 is vLLM's "all"
  return {};
}

// Any 64 bits; negative numbers are taken modulo 2^64.
Refusal read_seed(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  auto whole = whole_number(value);
  if (!whole && !value.is_number_unsigned()) return wrong_type(parameter, value, "an integer of 64 bits");
  reading.asked.sampling.seed = whole ? static_cast<std::uint64_t>(*whole) : value.get<std::uint64_t>();
  return {};
}

constexpr std::size_t kMostStops = 64, kMostStopBytes = 1024;

Refusal read_stop(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  const char* wanted = "a string, or an array of strings";
  if (!value.is_string() && !value.is_array()) return wrong_type(parameter, value, wanted);
  std::vector<std::string>& stop = reading.asked.stop;
  for (const OrderedJson& one : value.is_array() ? value : OrderedJson::array({value})) {
    if (!one.is_string()) return wrong_type(parameter, value, wanted);
    stop.push_back(one.get<std::string>());
    if (stop.back().empty() || stop.back().size() > kMostStopBytes || stop.size() > kMostStops)
      return refuse("stop", "stop holds more than {} strings, or one that is empty or longer than {} bytes",
                    kMostStops, kMostStopBytes);
  }
  return {};
}

Refusal read_stop_token_ids(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  const char* wanted = "an array of at most 64 token ids";
  if (!value.is_array() || value.size() > kMostStops) return wrong_type(parameter, value, wanted);
  for (const OrderedJson& one : value) {
    if (!is_whole(one)) return wrong_type(parameter, value, wanted);
    auto id = whole_number(one);
    if (!id || *id < 0 || *id > std::numeric_limits<std::int32_t>::max())
      return refuse("stop_token_ids", "stop_token_ids holds {}, which is no token id", shown(one));
    reading.asked.stop_token_ids.push_back(static_cast<std::int32_t>(*id));
  }
  return {};
}

// {"15043": -100}
Refusal read_logit_bias(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_object())
    return wrong_type(parameter, value, "an object of token ids and biases such as {\"15043\": -100}");
  for (const auto& [key, bias] : value.items()) {
    std::int32_t token = 0;
    auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    if (error != std::errc() || fmt::format("{}", token) != key || token < 0)
      return refuse("logit_bias", "logit_bias has the key {}, which is no token id", shown(OrderedJson(key)));
    if (!bias.is_number() || !(std::abs(bias.get<double>()) <= 100))
      return refuse("logit_bias", "logit_bias of token {} is {}, must be a number in -100 .. 100", token,
                    shown(bias));
    reading.asked.sampling.logit_bias.emplace_back(token, bias.get<float>());
  }
  // The order of keys is not part of the meaning.
  std::ranges::sort(reading.asked.sampling.logit_bias);
  return {};
}

// Chat says true or false and top_logprobs; the older completions say a number.
Refusal read_logprobs(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (value.is_boolean()) return boolean<&Reading::logprobs_wanted>(value, parameter, reading);
  return wrong_type(parameter, value, "true or false; the number of alternatives is top_logprobs");
}

Refusal read_stream_options(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_object()) return wrong_type(parameter, value, "an object");
  reading.stream_options = true;
  Show& show = reading.asked.show;
  for (const auto& [key, option] : value.items()) {
    bool* wanted = key == "include_usage"            ? &show.usage_event
                   : key == "continuous_usage_stats" ? &show.usage_in_events
                                                     : nullptr;
    if (option.is_null() || (wanted == nullptr && option == false)) continue;
    if (wanted == nullptr)
      return refuse("stream_options",
                    "stream_options.{} is not supported; include_usage and continuous_usage_stats are", key);
    if (!option.is_boolean())
      return refuse("stream_options", "stream_options.{} is {}, must be true or false", key, shown(option));
    *wanted = option.get<bool>();
  }
  show.usage_in_events = show.usage_in_events && show.usage_event;  // as vLLM has it
  return {};
}

constexpr std::string_view kEfforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};

// For the chat template, which makes of it what it knows.
Refusal read_reasoning_effort(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  const bool known = value.is_string() &&
                     std::ranges::find(kEfforts, value.get_ref<const std::string&>()) != std::end(kEfforts);
  if (!known) return wrong_type(parameter, value, fmt::format("one of {}", fmt::join(kEfforts, ", ")));
  reading.asked.reasoning_effort = value.get<std::string>();
  return {};
}

// The Responses API keeps it in {"effort": ...}.
Refusal read_reasoning(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_object()) return wrong_type(parameter, value, "an object such as {\"effort\": ...}");
  for (const auto& [key, option] : value.items()) {
    if (option.is_null()) continue;
    if (key != "effort")
      return refuse("reasoning", "reasoning.{} is not supported; only reasoning.effort is", key);
    if (Refusal refusal = read_reasoning_effort(option, parameter, reading)) return refusal;
  }
  return {};
}

// The Responses API keeps its response format in {"format": {...}}.
Refusal read_text(const OrderedJson& value, const Parameter& parameter, Reading& reading) {
  if (!value.is_object()) return wrong_type(parameter, value, "an object such as {\"format\": ...}");
  for (const auto& [key, option] : value.items()) {
    if (option.is_null()) continue;
    if (key != "format") return refuse("text", "text.{} is not supported; only text.format is", key);
    if (!option.is_object()) return refuse("text", "text.format is {}, must be an object", shown(option));
    reading.asked.response_format = &option;
    reading.asked.show.format = option.dump();
  }
  return {};
}

// ---- the table ------------------------------------------------------------------------------------

constexpr double kMostLogprobs = 20;
constexpr double kMostTokens = 1 << 30;

const Parameter kParameters[] = {
    {"model", kAnswers | kTokenize | kDetokenize | kScore, read_model},
    {"messages", kChat | kTokenize, array<&Asked::messages>},
    {"prompt", kCompletions | kTokenize, as_it_is<&Asked::prompt>},
    {"content", kTokenize, as_it_is<&Asked::prompt>},  // llama-server's name
    {"input", kResponses | kScore, as_it_is<&Asked::input>},
    {"instructions", kResponses, as_it_is<&Asked::instructions>},
    {"tokens", kDetokenize, as_it_is<&Asked::tokens>},

    {"temperature", kAnswers, number<&SamplingParams::temperature>, 0, 100},
    {"top_p", kAnswers, number<&SamplingParams::top_p>, 0, 1},
    {"top_k", kAnswers, read_top_k, -1, kMostTokens},
    {"min_p", kAnswers, number<&SamplingParams::min_p>, 0, 1},
    {"presence_penalty", kAnswers, number<&SamplingParams::presence_penalty>, -2, 2},
    {"frequency_penalty", kAnswers, number<&SamplingParams::frequency_penalty>, -2, 2},
    {"repetition_penalty", kAnswers, number<&SamplingParams::repetition_penalty>, 0, 100},
    {"logit_bias", kTexts, read_logit_bias},
    {"seed", kAnswers, read_seed},
    {"n", kTexts, integer<&Asked::n>, 1, 128},
    {"max_tokens", kTexts, integer<&Asked::max_tokens>, -1, kMostTokens},
    {"max_completion_tokens", kChat, integer<&Reading::max_completion_tokens>, -1, kMostTokens},
    {"max_output_tokens", kResponses, integer<&Asked::max_tokens>, 1, kMostTokens},
    {"min_tokens", kAnswers, integer<&Asked::min_tokens>, 0, kMostTokens},
    {"stop", kAnswers, read_stop},
    {"stop_token_ids", kAnswers, read_stop_token_ids},
    {"ignore_eos", kAnswers, boolean<&Asked::ignore_eos>},
    {"skip_special_tokens", kTexts, boolean<&Asked::skip_special_tokens>},
    {"add_special_tokens", kTexts | kTokenize | kScore, boolean<&Asked::add_special_tokens>},
    {"add_special", kTokenize, boolean<&Asked::add_special_tokens>},  // llama-server's name
    {"parse_special", kTokenize, boolean<&Asked::parse_special>},

    {"response_format", kTexts, object<&Asked::response_format>},
    {"text", kResponses, read_text},
    {"prediction", kTexts, object<&Asked::prediction>},
    {"tools", kChat | kResponses | kTokenize, array<&Asked::tools>},
    {"tool_choice", kChat | kResponses, as_it_is<&Asked::tool_choice>},
    {"parallel_tool_calls", kChat | kResponses, boolean<&Show::parallel_tool_calls>},
    {"chat_template_kwargs", kChat | kTokenize, object<&Asked::chat_template_kwargs>},
    {"add_generation_prompt", kChat | kTokenize, boolean<&Asked::add_generation_prompt>},
    {"continue_final_message", kChat | kTokenize, boolean<&Asked::continue_final_message>},
    {"reasoning_effort", kChat | kTokenize, read_reasoning_effort},
    {"reasoning", kResponses, read_reasoning},

    {"logprobs", kChat, read_logprobs},
    {"logprobs", kCompletions, integer<&Show::logprobs>, 0, kMostLogprobs},
    {"top_logprobs", kChat | kScore, integer<&Reading::top_logprobs>, 0, kMostLogprobs},
    {"prompt_logprobs", kTexts, integer<&Show::prompt_logprobs>, 0, kMostLogprobs},
    {"score_from", kScore, integer<&Show::score_from>, 1, kMostTokens},
    {"echo", kCompletions, boolean<&Show::echo>},
    {"return_token_ids", kTexts, boolean<&Show::token_ids>},
    {"return_tokens_as_token_ids", kTexts, boolean<&Show::tokens_as_ids>},
    {"return_token_strs", kTokenize, boolean<&Show::token_strs>},
    {"receipt", kAnswers, boolean<&Show::receipt>},
    {"stream", kAnswers, boolean<&Show::stream>},
    {"stream_options", kTexts, read_stream_options},
    {"cache_salt", kAnswers | kScore, read_cache_salt},
    {"user", kAnswers, read_user},  // has no effect, as in every engine of this kind
};

const Parameter* find_parameter(std::string_view name, Endpoint endpoint) {
  const auto* found = std::ranges::find_if(kParameters, [&](const Parameter& parameter) {
    return parameter.name == name && (parameter.endpoints & endpoint) != 0;
  });
  return found == std::end(kParameters) ? nullptr : found;
}

// Parameters that only make sense together.
Refusal join(Reading& reading, Endpoint endpoint) {
  Asked& asked = reading.asked;
  if (reading.max_completion_tokens) {
    if (asked.max_tokens && *asked.max_tokens != *reading.max_completion_tokens)
      return refuse("max_tokens", "max_tokens and max_completion_tokens differ; give one of them");
    asked.max_tokens = reading.max_completion_tokens;
  }
  bool wanted = reading.logprobs_wanted.value_or(false);
  if (endpoint == kChat && reading.top_logprobs.value_or(0) > 0 && !wanted)
    return refuse("top_logprobs", "top_logprobs needs logprobs to be true");
  if (wanted || endpoint == kScore) asked.show.logprobs = reading.top_logprobs.value_or(0);
  if (reading.stream_options && !asked.show.stream)
    return refuse("stream_options", "stream_options needs stream to be true");
  if (asked.continue_final_message && asked.add_generation_prompt.value_or(false))
    return refuse("continue_final_message",
                  "continue_final_message and add_generation_prompt cannot both be true: the answer "
                  "continues the final "
                  "message, or begins one");
  if (asked.show.stream && asked.show.prompt_logprobs)
    return refuse("prompt_logprobs", "prompt_logprobs are not given in a stream; set stream to false");
  return {};
}

Refusal read_one(const std::string& name, const OrderedJson& value, Endpoint endpoint, Reading& reading,
                 std::vector<std::string>& ignored) {
  if (value.is_null()) return {};
  if (const Parameter* parameter = find_parameter(name, endpoint))
    return parameter->read(value, *parameter, reading);
  const UnsupportedParameter* unsupported = find_unsupported(name);
  if (unsupported == nullptr) {
    ignored.push_back(name);
    return {};
  }
  if (unsupported->asks_for_nothing(value)) return {};
  ApiError error = refuse(name, "{} is not supported; {}", name, unsupported->instead);
  error.code = "unsupported_parameter";
  return error;
}

}  // namespace

Result<ReadBody, ApiError> read_parameters(const OrderedJson& body, Endpoint endpoint,
                                           const SamplingParams& defaults) {
  ReadBody read;
  Reading reading;
  reading.asked.sampling = defaults;
  for (const auto& [name, value] : body.items())
    if (Refusal refusal = read_one(name, value, endpoint, reading, read.ignored)) return *refusal;
  if (Refusal refusal = join(reading, endpoint)) return *refusal;
  read.asked = std::move(reading.asked);
  return read;
}

std::vector<ParameterInfo> known_parameters() {
  std::vector<ParameterInfo> all;
  for (const Parameter& parameter : kParameters) all.push_back({parameter.name, parameter.endpoints, true});
  for (const UnsupportedParameter& unsupported : unsupported_parameters())
    all.push_back({unsupported.name, kAnswers, false});
  return all;
}

}  // namespace verbatim::server
