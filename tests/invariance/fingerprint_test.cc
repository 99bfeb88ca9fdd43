// Whatever can change an answer changes the fingerprint.
#include "engine/fingerprint.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "backend/list.h"
#include "engine/loaded_model.h"

namespace verbatim {
namespace {

struct Identity {
  std::string weights = "w";
  TokenizerData tokenizer;
  AnswerSettings settings;

  std::string fingerprint() const { return fingerprint_of(weights, tokenizer, settings); }
};

Identity some_identity() {
  Identity out;
  out.tokenizer.kind = TokenizerKind::bpe;
  out.tokenizer.tokens = {"a", "b", "ab"};
  out.tokenizer.scores = {0, 1, 2};
  out.tokenizer.types = {TokenType::normal, TokenType::normal, TokenType::control};
  out.tokenizer.merges = {{"a", "b"}};
  out.tokenizer.added.resize(1);
  out.settings.date = "2024-07-26";
  return out;
}

TEST(Fingerprint, ChangesWithEveryFieldThatDecidesAnAnswer) {
  using Edit = std::function<void(Identity&)>;
  const std::vector<std::pair<std::string, Edit>> edits = {
#define EDIT(statement) std::pair<std::string, Edit>(#statement, [](Identity& i) { statement; })
      EDIT(i.weights = "v"),
      EDIT(i.tokenizer.kind = TokenizerKind::spm),
      EDIT(i.tokenizer.tokens[0] = "c"),
      EDIT(i.tokenizer.tokens.push_back("c")),
      EDIT(i.tokenizer.scores[0] = 3),
      EDIT(i.tokenizer.scores[0] = -0.0F),
      EDIT(i.tokenizer.scores.clear()),
      EDIT(i.tokenizer.types[0] = TokenType::user_defined),
      EDIT(i.tokenizer.types.pop_back()),
      EDIT(i.tokenizer.merges[0].second = "a"),
      EDIT(i.tokenizer.merges.emplace_back("b", "a")),
      EDIT(i.tokenizer.pre_tokenizer = "qwen2"),
      EDIT(i.tokenizer.pre_regex.push_back("a+")),
      EDIT(i.tokenizer.pre_regex.push_back("")),
      EDIT(i.tokenizer.normalizer = "nfc"),
      EDIT(i.tokenizer.ignore_merges = true),
      EDIT(i.tokenizer.bos = 0),
      EDIT(i.tokenizer.eos = 0),
      EDIT(i.tokenizer.unk = 0),
      EDIT(i.tokenizer.pad = 0),
      EDIT(i.tokenizer.stop_ids.push_back(0)),
      EDIT(i.tokenizer.add_bos = false),
      EDIT(i.tokenizer.add_bos = true),
      EDIT(i.tokenizer.add_eos = true),
      EDIT(i.tokenizer.add_space_prefix = false),
      EDIT(i.tokenizer.space_prefix_first_only = true),
      EDIT(i.tokenizer.space_prefix_unless_present = true),
      EDIT(i.tokenizer.remove_extra_whitespaces = true),
      EDIT(i.tokenizer.chat_template = "{{ messages }}"),
      EDIT(i.tokenizer.added.clear()),
      EDIT(i.tokenizer.added[0].id = 1),
      EDIT(i.tokenizer.added[0].special = false),
      EDIT(i.tokenizer.added[0].lstrip = true),
      EDIT(i.tokenizer.added[0].rstrip = true),
      EDIT(i.settings.widths.activations = Width::bits8),
      EDIT(i.settings.widths.kv = Width::bits8),
      EDIT(i.settings.sampling.temperature = 0.5F),
      EDIT(i.settings.sampling.top_k = 40),
      EDIT(i.settings.sampling.top_p = 0.5F),
      EDIT(i.settings.sampling.min_p = 0.5F),
      EDIT(i.settings.sampling.repetition_penalty = 1.5F),
      EDIT(i.settings.sampling.frequency_penalty = 0.5F),
      EDIT(i.settings.sampling.presence_penalty = 0.5F),
      EDIT(i.settings.sampling.logit_bias.emplace_back(1, 0.5F)),
      EDIT(i.settings.sampling.seed = 1),
      EDIT(i.settings.date = "2024-07-27"),
      EDIT(i.settings.context = 0),
      EDIT(i.settings.context = 1),
      EDIT(i.settings.backend = "conventional"),
      EDIT(i.settings.text_version = 0),
      EDIT(i.settings.pattern_tables = "14.0.0"),
      EDIT(i.settings.pattern_tables = "15.0.0"),
#undef EDIT
  };
  std::map<std::string, std::string> named = {{some_identity().fingerprint(), "no edit"}};
  for (const auto& [name, edit] : edits) {
    Identity identity = some_identity();
    edit(identity);
    auto [place, is_new] = named.emplace(identity.fingerprint(), name);
    EXPECT_TRUE(is_new) << name << " gives the fingerprint of: " << place->second;
  }
}

// What somebody chose reaches it.
TEST(Fingerprint, ChangesWithTheChoiceOfAModel) {
  std::map<std::string, std::string> named;
  auto expect_new = [&](const std::string& name, const std::function<void(ModelChoice&)>& edit) {
    ModelChoice choice;
    choice.path = "storyteller";
    edit(choice);
    auto loaded = load_model(choice);
    ASSERT_TRUE(loaded.ok()) << name << ": " << loaded.error().message;
    auto [place, is_new] = named.emplace((*loaded)->fingerprint, name);
    EXPECT_TRUE(is_new) << name << " gives the fingerprint of: " << place->second;
  };
  expect_new("no edit", [](ModelChoice&) {});
  expect_new("activations", [](ModelChoice& c) { c.widths.activations = Width::bits8; });
  expect_new("kv", [](ModelChoice& c) { c.widths.kv = Width::bits8; });
  expect_new("date", [](ModelChoice& c) { c.date = "2024-07-27"; });
  expect_new("chat template", [](ModelChoice& c) { c.chat_template = "{{ messages }}"; });
  expect_new("context", [](ModelChoice& c) { c.max_model_len = 64; });
  if (control_group().runs_here()) {
    expect_new("backend", [](ModelChoice& c) { c.backend = "conventional"; });
  }
}

// Whoever asks for 8 bits is told where there are 16.
TEST(LoadedModel, NamesActivationsThatKeepSixteenBits) {
  ModelChoice choice;
  choice.path = "storyteller";
  choice.load.use_cache = false;
  for (Width activations : {Width::bits8, Width::bits16}) {
    for (WeightPolicy policy : {WeightPolicy::file, WeightPolicy::i8}) {
      choice.widths.activations = activations;
      choice.load.weights.policy = policy;
      auto loaded = load_model(choice);
      ASSERT_TRUE(loaded.ok()) << loaded.error().message;
      const std::vector<std::string>& notes = (*loaded)->notes;
      const bool told = std::ranges::any_of(
          notes, [](const std::string& note) { return note.find("64 of 64 matrices keep") != note.npos; });
      EXPECT_EQ(told, activations == Width::bits8 && policy == WeightPolicy::file);
    }
  }
}

// Values may not pass from one list to the next: five stops are not the five fields of an added token.
TEST(Fingerprint, CountsItsLists) {
  Identity stops;
  stops.tokenizer.add_bos = true;
  stops.tokenizer.chat_template = "1";
  stops.tokenizer.ignore_merges = stops.tokenizer.add_eos = stops.tokenizer.space_prefix_first_only = true;
  stops.tokenizer.space_prefix_unless_present = stops.tokenizer.remove_extra_whitespaces = true;
  Identity added = stops;
  stops.tokenizer.stop_ids = {1, 1, 1, 1, 1};
  added.tokenizer.added = {{.id = 1, .special = true, .lstrip = true, .rstrip = true, .normalized = true}};
  EXPECT_NE(stops.fingerprint(), added.fingerprint());
}

TEST(Fingerprint, IsTheSameWhateverTheNotesSay) {
  Identity noted = some_identity();
  noted.tokenizer.notes = {"pad_token is in no vocabulary"};
  EXPECT_EQ(noted.fingerprint(), some_identity().fingerprint());
}

}  // namespace
}  // namespace verbatim
