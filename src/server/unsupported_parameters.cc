#include "server/unsupported_parameters.h"

#include <algorithm>
#include <iterator>

namespace verbatim::server {
namespace {

constexpr std::string_view kUseResponseFormat = "use response_format";
constexpr std::string_view kStateless = "this server keeps no state; send the whole conversation";

constexpr UnsupportedParameter kUnsupported[] = {
    {"audio", "", "answers are text"},
    {"modalities", R"(["text"])", "answers are text"},
    {"web_search_options", "", "leave it out"},
    {"functions", "", "use tools"},
    {"function_call", "", "use tool_choice"},
    {"verbosity", R"("medium")", "leave it out"},
    {"suffix", R"("")", "leave it out"},
    {"best_of", "1", "use n and choose among the answers"},
    {"background", "false", "leave it out"},
    {"conversation", "", kStateless},
    {"previous_response_id", "", kStateless},
    {"include", "[]", "leave it out"},
    {"max_tool_calls", "", "leave it out"},
    {"truncation", R"("disabled")", "shorten the input"},
    {"truncate_prompt_tokens", "", "shorten the prompt"},
    {"use_beam_search", "false", "leave it out"},
    {"length_penalty", "1.0", "leave it out"},
    {"early_stopping", "false", "leave it out"},
    {"include_stop_str_in_output", "false", "add stop_reason to the text yourself"},
    {"spaces_between_special_tokens", "true", "leave it out"},
    {"allowed_token_ids", "", kUseResponseFormat},
    {"bad_words", "[]", "use logit_bias"},
    {"guided_json", "", kUseResponseFormat},
    {"guided_regex", "", kUseResponseFormat},
    {"guided_choice", "", kUseResponseFormat},
    {"guided_grammar", "", kUseResponseFormat},
    {"structured_outputs", "", kUseResponseFormat},
    {"json_schema", "", kUseResponseFormat},
    {"grammar", R"("")", kUseResponseFormat},
    {"logits_processors", "[]", "use logit_bias"},
    {"chat_template", "", "start the server with --chat-template FILE"},
    {"documents", "[]", "put them into a message"},
    {"prompt_embeds", "", "send a prompt"},
    {"repeat_penalty", "1.0", "use repetition_penalty"},
    {"repeat_last_n", "", "penalties look at all tokens"},
    {"n_predict", "", "use max_tokens"},
    {"typical_p", "1.0", "use top_p or min_p"},
    {"tfs_z", "1.0", "use top_p or min_p"},
    {"top_a", "0", "use top_p or min_p"},
    {"mirostat", "0", "use temperature and top_p"},
    {"mirostat_tau", "", "use temperature and top_p"},
    {"mirostat_eta", "", "use temperature and top_p"},
    {"dynatemp_range", "0", "use temperature"},
    {"xtc_probability", "0", "leave it out"},
    {"dry_multiplier", "0", "use frequency_penalty"},
    {"samplers", "", "the order of filters is top_k, min_p, top_p"},
    {"n_probs", "0", "use logprobs"},
    {"priority", "0", "leave it out: who asks, and how much, decides the order of requests"},
};

}  // namespace

bool UnsupportedParameter::asks_for_nothing(const OrderedJson& value) const {
  if (value.is_null()) return true;
  return !harmless.empty() && value == OrderedJson::parse(harmless);
}

std::span<const UnsupportedParameter> unsupported_parameters() { return kUnsupported; }

const UnsupportedParameter* find_unsupported(std::string_view name) {
  const auto* found = std::ranges::find(kUnsupported, name, &UnsupportedParameter::name);
  return found == std::end(kUnsupported) ? nullptr : found;
}

}  // namespace verbatim::server
