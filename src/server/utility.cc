#include "server/utility.h"

#include "server/call.h"
#include "server/logprobs_json.h"
#include "spec/version.h"

namespace verbatim::server {
namespace {

// A body of one of these endpoints. `tree` owns what `asked` points into.
struct Body {
  OrderedJson tree;
  Asked asked;
};

std::optional<ApiError> read(const std::string& text, Endpoint endpoint, const ServedModel& model,
                             Body& body) {
  auto tree = parse_body(text);
  if (!tree) return refuse("", "{}", tree.error().message);
  body.tree = *std::move(tree);
  auto parameters = read_parameters(body.tree, endpoint, model.defaults());
  if (!parameters) return parameters.error();
  body.asked = std::move(parameters->asked);
  return check_model_name(body.asked.model, model);
}

Result<Prompt, ApiError> prompt_of(const Body& body, const ServedModel& model, const Interrupt& interrupt) {
  const Asked& asked = body.asked;
  if ((asked.messages == nullptr) == (asked.prompt == nullptr))
    return refuse("prompt", "give either prompt, a text, or messages, a conversation");
  if (asked.messages != nullptr)
    return read_conversation(asked, model, {asked.add_special_tokens.value_or(false), true}, interrupt);
  if (!asked.prompt->is_string())
    return refuse("prompt", "prompt is {}, must be a string", shown(*asked.prompt));
  // llama-server, whose name for the text is "content", adds no special tokens unless asked to.
  bool add_special = asked.add_special_tokens.value_or(!body.tree.contains("content"));
  auto prompts = read_prompts(*asked.prompt, "prompt", model, {add_special, asked.parse_special}, interrupt);
  if (!prompts) return prompts.error();
  return std::move(prompts->front());
}

std::string model_json(const std::string& name, const ServedModel& model) {
  const SamplingParams& s = model.defaults();
  return fmt::format(
      R"({{"id":{},"object":"model","created":{},"owned_by":"verbatim","root":{},"parent":null,)"
      R"("max_model_len":{},"system_fingerprint":"{}","fingerprint":"{}","receipt_key":{},"effective":{{"temperature":{},)"
      R"("top_k":{},"top_p":{},"min_p":{},"repetition_penalty":{},"frequency_penalty":{},)"
      R"("presence_penalty":{},"seed":{},"chat_template":{}}}}})",
      json_string(name), model.created, json_string(model.loaded->checkpoint.path), model.context,
      model.short_fingerprint(), model.fingerprint(), model.receipt_key_json(), s.temperature, s.top_k,
      s.top_p, s.min_p, s.repetition_penalty, s.frequency_penalty, s.presence_penalty, s.seed,
      model.chat != nullptr);
}

BodyPieces tokens_json(std::vector<std::int32_t> tokens, bool with_names, const ServedModel& model,
                       [[maybe_unused]] std::unique_ptr<MemoryShare> held) {
  std::string out =
      fmt::format(R"({{"count":{},"max_model_len":{},"tokens":[)", tokens.size(), model.context);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) out += ',';
    append_json_number(out, std::int64_t{tokens[i]});
    if (is_piece(out)) co_yield out;
  }
  out += R"(],"token_strs":)";
  if (with_names) {
    const TokenNames names{&model.tokenizer(), false};
    out += '[';
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) out += ',';
      append_json_string(out, names.name(tokens[i]));
      if (is_piece(out)) co_yield out;
    }
    out += ']';
  } else {
    out += "null";
  }
  co_yield out += '}';
}

}  // namespace

HttpResponse json_response(std::string body) {
  return {200, {{"Content-Type", "application/json"}}, std::move(body)};
}

Result<BodyPieces, ApiError> tokenize(const std::string& text, const ServedModel& model,
                                      std::unique_ptr<MemoryShare> share, const Interrupt& interrupt) {
  Body body;
  if (auto refusal = read(text, kTokenize, model, body)) return *refusal;
  auto prompt = prompt_of(body, model, interrupt);
  if (!prompt) return prompt.error();
  if (!share->hold(prompt->tokens.size() * sizeof(std::int32_t)))
    return no_memory_for_answer(share->budget().bytes());
  return tokens_json(std::move(prompt->tokens), body.asked.show.token_strs, model, std::move(share));
}

HttpResponse detokenize(const std::string& text, const ServedModel& model) {
  Body body;
  if (auto refusal = read(text, kDetokenize, model, body)) return error_response(*refusal);
  const OrderedJson* tokens = body.asked.tokens;
  if (tokens == nullptr || !tokens->is_array())
    return error_response(refuse("tokens", "tokens is missing, or is not an array of token ids"));
  std::string decoded;
  if (!tokens->empty()) {
    auto prompts = read_prompts(OrderedJson::array({*tokens}), "tokens", model, {});
    if (!prompts) return error_response(prompts.error());
    decoded = model.tokenizer().decode(prompts->front().tokens, {.skip_special = false});
  }
  // "prompt" is vLLM's name for it, "content" llama-server's.
  std::string quoted = json_string(decoded);
  return json_response(fmt::format(R"({{"prompt":{},"content":{}}})", quoted, quoted));
}

// vLLM's, which evaluation harnesses look for: with it they need no tokenizer of their own.
HttpResponse show_tokenizer(const ServedModel& model) {
  const Tokenizer& tokenizer = model.tokenizer();
  TokenNames names{&tokenizer, false};
  auto name = [&](std::optional<std::int32_t> token) {
    return token ? json_string(names.name(*token)) : "null";
  };
  const std::string& chat_template = model.loaded->checkpoint.tokenizer.chat_template;
  return json_response(fmt::format(
      R"({{"tokenizer_class":"verbatim","model_max_length":{},"vocab_size":{},"add_bos_token":{},)"
      R"("add_eos_token":{},"bos_token":{},"eos_token":{},"chat_template":{}}})",
      model.context, tokenizer.vocab_size(), tokenizer.adds_bos(), tokenizer.adds_eos(),
      name(tokenizer.bos()), name(tokenizer.eos()),
      chat_template.empty() ? "null" : json_string(chat_template)));
}

HttpResponse list_models(const ServedModel& model) {
  std::string out = R"({"object":"list","data":[)";
  for (const std::string& name : model.names) {
    if (&name != &model.names.front()) out += ',';
    out += model_json(name, model);
  }
  return json_response(out + "]}");
}

HttpResponse show_model(const std::string& name, const ServedModel& model) {
  if (auto refusal = check_model_name(name, model)) return error_response(*refusal);
  return json_response(model_json(name, model));
}

HttpResponse show_version(const ServedModel& model) {
  return json_response(fmt::format(R"({{"version":"{}","contract":{},"fingerprint":"{}","receipt_key":{}}})",
                                   model.version, spec::kContractVersion, model.fingerprint(),
                                   model.receipt_key_json()));
}

}  // namespace verbatim::server
