// What texts become has a version of its own: kTextVersion stands for the golden beside it.
#include "engine/text_version.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/sha256.h"
#include "base/utf8.h"
#include "builtin/builtin_models.h"
#include "chat/chat_template.h"
#include "chat/tool_call_parser.h"
#include "constrain/constraint.h"
#include "json/library.h"
#include "sample/sampler.h"
#include "source_path.h"
#include "tokenizer/named_pre_tokenizers.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"

namespace verbatim {
namespace {

using Json = nlohmann::ordered_json;

class Golden {
 public:
  void add(std::string_view text) {
    sha_.update(fmt::format("{}:", text.size()));
    sha_.update(text);
  }
  template <class T>
  void add_numbers(const std::vector<T>& numbers) {
    add(fmt::format("{}", fmt::join(numbers, " ")));
  }
  std::string hex() { return sha_.hex(); }

 private:
  Sha256 sha_;
};

// Words, numbers, spaces, punctuation, and a sample of all planes.
std::string sample_text() {
  std::string text =
      "Once upon a time, there were 12345 bears; they'd \"growl\"\t\r\n\r\n  WE'LL see… x = y+1;\n  don'ſ "
      "'K ";
  for (char32_t c = 0x80; c < 0x110000; c += c < 0x3400 ? 1 : c < 0x20000 ? 13 : 211) {
    if (c >= 0xD800 && c < 0xE000) continue;
    append_utf8(c, text);
    if (c % 3 == 0) text += ' ';
    if (c % 5 == 0) text += 'a';
    if (c % 7 == 0) text += "e\u0301";
  }
  return text + "\x80\xff ill-formed";
}

const Tokenizer& built_in_tokenizer() {
  static const Tokenizer tokenizer = *Tokenizer::create(open_by_name("storyteller")->tokenizer);
  return tokenizer;
}

void add_tokens(Golden& golden) {
  const std::string text = sample_text();
  golden.add(normalize_nfc(text));
  for (const NamedPreTokenizer& row : named_pre_tokenizers()) {
    const PreTokenizer splitter = *PreTokenizer::create(row.patterns);
    if (!splitter.library_version().empty()) continue;  // another fingerprint where that is another
    std::vector<std::size_t> sizes;
    const std::vector<std::string_view> pieces = *splitter.split(text);
    for (std::string_view piece : pieces) sizes.push_back(piece.size());
    golden.add(row.names.front());
    golden.add_numbers(sizes);
  }
  const Tokenizer& tokenizer = built_in_tokenizer();
  const auto ids = *tokenizer.encode(text, {true, true});
  golden.add_numbers(ids);
  golden.add(tokenizer.decode(ids, {false, false}));
}

constexpr const char* kVersionedTemplates[] = {
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}{% if m.tool_calls %}{{ m.tool_calls | "
    "tojson "
    "}}{% endif %}\n{% endfor %}{% if tools %}{{ tools | tojson(indent=2) }}{% endif %}",
    "{% for m in messages %}{{ loop.index }}{{ m.role.upper() }} {{ (m.content or '') | title }} "
    "{{ (m.content or '').split(' ')[-1] }} {{ '%s-%05.2f' | format(m.role, 3.14159) }}\n{% endfor %}{{ 7 // "
    "2 }} {{ "
    "7 / 2 }} {{ 2 ** 10 }} {{ -7 % 3 }} {{ 1e16 }} {{ [1, 'a', None, true] }}",
};

void add_prompts(Golden& golden) {
  std::ifstream file(source_path("tests/chat/conversations.json"));
  const Json conversations = Json::parse(file);
  std::vector<std::string> sources(std::begin(kVersionedTemplates), std::end(kVersionedTemplates));
  sources.push_back(open_by_name("storyteller")->tokenizer.chat_template);
  for (const std::string& source : sources) {
    const ChatTemplate chat = *ChatTemplate::create(source);
    for (const auto& [name, conversation] : conversations.items()) {
      const auto prompt = chat.render(conversation["messages"], conversation.value("tools", Json()),
                                      conversation.value("kwargs", Json()), {.add_generation_prompt = true});
      golden.add(name);
      golden.add(prompt.ok() ? *prompt : "refused: " + prompt.error().message);
    }
  }
  for (ToolCallStyle style : {ToolCallStyle::none, ToolCallStyle::hermes, ToolCallStyle::llama3}) {
    ToolCallParser parser(style);
    auto pieces = parser.push(
        "{\"name\": \"f\", \"parameters\": {\"a\": [1, {}]}}; <tool_call>\n{\"name\": \"g\", \"arguments\": "
        "{}}\n"
        "</tool_call> and <tool_call>{\"name\": \"h\", \"arguments\": {\"x\": 1, tr");
    std::ranges::move(parser.finish(), std::back_inserter(pieces));
    for (const AnswerPiece& piece : pieces) {
      golden.add(fmt::format("{}", piece.index()));
      golden.add(piece.index() == 0   ? std::get<0>(piece)
                 : piece.index() == 1 ? std::get<1>(piece).name
                                      : std::get<2>(piece).text);
    }
  }
}

constexpr const char* kVersionedSchemas[] = {
    R"({"type":"object"})",
    R"({"type":"object","properties":{"a":{"enum":["x","yy"]},"b":{"type":"integer","minimum":3,"maximum":88},
        "c":{"type":"array","items":{"type":"boolean"},"maxItems":2}},"required":["a","c"]})",
    R"({"$defs":{"t":{"type":"array","items":{"$ref":"#/$defs/t"},"maxItems":2}},"$ref":"#/$defs/t"})",
    R"({"type":"string","pattern":"^[a-f]+(é|ß)$","maxLength":12})",
    R"({"anyOf":[{"type":"number","multipleOf":0.5},{"type":"string","format":"date-time"},{"type":"null"}]})",
    R"([{"before":"<tool_call>\n","schema":{"type":"object"},"after":"\n</tool_call>"},{"schema":{"const":[1,"a"]}}])",
};

// The tokens that may come, along a text of those that come first in each set, or later.
void add_constraints(Golden& golden) {
  const Tokenizer& tokenizer = built_in_tokenizer();
  auto trie = std::make_shared<const TokenTrie>(tokenizer);
  for (const char* schema : kVersionedSchemas) {
    auto constraint = Constraint::json_schema(Json::parse(schema), trie);
    ASSERT_TRUE(constraint.ok()) << constraint.error().message;
    ConstraintState state(*constraint);
    bool at_start = true;
    for (std::size_t step = 0; step < 40 && !state.must_end(); ++step) {
      const auto allowed = state.allowed();
      std::vector<std::int32_t> ids;
      for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id)
        if ((*allowed)[static_cast<std::size_t>(id / 64)] >> (id % 64) & 1) ids.push_back(id);
      golden.add_numbers(ids);
      golden.add(state.may_end() ? "may end" : "must go on");
      if (ids.empty()) break;
      const std::int32_t next = ids[step * 7919 % ids.size()];
      ASSERT_TRUE(state.advance(tokenizer.decode_step(next, true, at_start)));
    }
  }
}

void add_draws(Golden& golden) {
  constexpr std::int64_t kVocab = 1000;
  std::vector<float> logits(kVocab);
  std::uint32_t state = 1;
  for (float& logit : logits) {
    state = state * 1664525 + 1013904223;
    logit = static_cast<float>(state >> 16) / 4096.0F - 8.0F;
  }
  SamplingParams plain, all;
  all.temperature = 0.7F, all.top_k = 50, all.top_p = 0.9F, all.min_p = 0.01F;
  all.repetition_penalty = 1.1F, all.frequency_penalty = 0.2F, all.presence_penalty = 0.1F;
  all.logit_bias = {{3, 2.0F}, {7, -100.0F}};
  Sampler sampler;
  for (const SamplingParams& params : {plain, all}) {
    TokenCounts counts;
    std::vector<std::int32_t> drawn;
    for (std::uint64_t position = 0; position < 300; ++position) {
      drawn.push_back(*sampler.sample(logits, params, counts, {position, position % 3}));
      ++counts[drawn.back()];
    }
    golden.add_numbers(drawn);
  }
}

TEST(TextVersion, StandsForItsGolden) {
  Golden golden;
  add_tokens(golden);
  add_prompts(golden);
  add_constraints(golden);
  add_draws(golden);
  EXPECT_EQ(golden.hex(), kTextGolden) << "What texts become has changed. If that was meant, raise "
                                          "kTextVersion in src/engine/text_version.h and write "
                                          "this value beside it: version "
                                       << kTextVersion << " stands for the other.";
}

}  // namespace
}  // namespace verbatim
