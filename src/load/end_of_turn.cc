#include "load/end_of_turn.h"

#include <algorithm>
#include <map>

namespace verbatim {
namespace {

constexpr std::string_view kSpellings[] = {
    "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>",
    "<end_of_turn>", "<turn|>", "<|tool_response>", "<|endoftext|>", "<|end_of_text|>", "<end_of_utterance>",
    "</s>", "<eos>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "[e~[", "<｜end▁of▁sentence｜>",
    // Fill in the middle: another file begins, or nothing follows.
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
    "<REPO>", "<reponame>", "<|file_sep|>"};

// Where all of `with` are in the vocabulary, `spelling` ends no answer.
struct Exception {
  std::string_view spelling;
  std::vector<std::string_view> with;
};

}  // namespace

std::vector<std::int32_t> ends_by_spelling(const TokenizerData& data) {
  std::map<std::string_view, std::int32_t> found;
  for (std::size_t id = 0; id < data.tokens.size(); ++id)
    if (std::ranges::find(kSpellings, data.tokens[id]) != std::end(kSpellings))
      found.emplace(data.tokens[id], static_cast<std::int32_t>(id));
  const Exception exceptions[] = {{"<|end|>", {"<|return|>", "<|call|>"}},
                                  {"<|end|>", {"<|calls|>", "<|flush|>"}},
                                  {"</s>", {"<|tool_response>"}}};
  for (const Exception& exception : exceptions)
    if (std::ranges::all_of(exception.with,
                            [&](std::string_view spelling) { return found.contains(spelling); }))
      found.erase(exception.spelling);
  std::vector<std::int32_t> ids;
  for (auto [spelling, id] : found) ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

void add_stops(const std::vector<std::int32_t>& ids, TokenizerData& data) {
  for (std::int32_t id : ids)
    if (std::ranges::find(data.stop_ids, id) == data.stop_ids.end()) data.stop_ids.push_back(id);
}

}  // namespace verbatim
