// What constrained decoding costs, by vocabulary and by where the text stands. Processor time.
//
//   trie/VOCABULARY           the vocabulary's trie, once a tokenizer
//   compile/SCHEMA            a schema into a constraint
//   first/VOCABULARY/PLACE    a mask that nothing is remembered of: no state, no transition
//   again/VOCABULARY/PLACE    the same mask once more
//   advance                   one token of text
//   sample/{all,masked}       the sampler over 151,936 logits, without and with a mask
//
// Vocabularies: llama (32,000) and gpt2 (50,257) from ../shared/tokenizers, left out where that is absent; words
// (151,936): synthetic, words and pieces of words of one to nine characters, one in twenty of marks and digits.
#include <benchmark/benchmark.h>

#include <ctime>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>

#include "constrain/constraint.h"
#include "json/library.h"
#include "load/checkpoint.h"
#include "sample/sampler.h"

namespace verbatim {
namespace {

using Vocabulary = std::shared_ptr<const TokenTrie>;

std::vector<std::string> synthetic_tokens(std::size_t count) {
  std::mt19937 random(1);
  std::set<std::string> seen;
  std::vector<std::string> tokens;
  auto add = [&](std::string token) {
    if (tokens.size() < count && seen.insert(token).second) tokens.push_back(std::move(token));
  };
  for (int byte = 0; byte < 256; ++byte) add(std::string(1, static_cast<char>(byte)));
  const std::string letters = "eeeettaaooiinnsshhrrddllcummwfgypbvkjxqz",
                    marks = "\"\\\n\t{}[]():;,.<>=+-*/_0123456789";
  while (tokens.size() < count) {
    std::string token = random() % 2 ? " " : "";
    const bool mark = random() % 20 == 0, wide = random() % 8 == 0;
    for (std::size_t i = 1 + random() % 8; i > 0; --i) {
      if (wide) {
        token += {static_cast<char>(0xE4 + random() % 5), static_cast<char>(0x80 + random() % 64),
                  static_cast<char>(0x80 + random() % 64)};
      } else {
        token += mark ? marks[random() % marks.size()] : letters[random() % letters.size()];
      }
    }
    if (wide && random() % 20 == 0) token.pop_back();  // a character cut short
    add(token);
  }
  return tokens;
}

const std::map<std::string, Vocabulary>& vocabularies() {
  static const std::map<std::string, Vocabulary> all = [] {
    std::map<std::string, Vocabulary> made;
    for (auto [name, file] : {std::pair{"llama", "llama-spm"}, {"gpt2", "gpt-2"}}) {
      const std::string path =
          fmt::format("{}/../shared/tokenizers/ggml-vocab-{}.gguf", VERBATIM_SOURCE_DIR, file);
      if (!std::filesystem::exists(path)) continue;
      const auto checkpoint = open_checkpoint(path);
      made[name] = std::make_shared<const TokenTrie>(*Tokenizer::create(checkpoint->tokenizer));
    }
    const std::vector<std::string> tokens = synthetic_tokens(151'936);
    made["words"] =
        std::make_shared<const TokenTrie>(std::vector<std::string_view>(tokens.begin(), tokens.end()));
    return made;
  }();
  return all;
}

struct Place {
  const char *name, *schema, *text;
};
constexpr const char* kPerson =
    R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":130},
        "email":{"type":"string","format":"email"},"bio":{"type":"string","maxLength":200}},
        "required":["name","age","email","bio"]})";
constexpr Place kPlaces[] = {
    {"start", kPerson, ""},
    {"structure", kPerson, R"({"name": "x",)"},
    {"integer", kPerson, R"({"name": "x", "age": 1)"},
    {"string", kPerson, R"({"name": "x)"},
    {"bounded_string", kPerson, R"({"name": "x", "age": 1, "email": "a@b.c", "bio": "I am)"},
    {"email", kPerson, R"({"name": "x", "age": 1, "email": "a)"},
    {"free_name", R"({"properties":{"ab":{}},"additionalProperties":{}})", R"({")"},
    {"pattern", R"({"pattern":"^[A-Z][a-z]+( [A-Z][a-z]+)*$"})", R"("Ada L)"},
    {"any_pattern", R"({"pattern":"^.*@.*$"})", R"("a)"},
    {"json_object", R"({"type":"object"})", R"({"a":)"},
};

std::shared_ptr<const Constraint> constraint(const char* schema, const Vocabulary& vocabulary) {
  return *Constraint::json_schema(nlohmann::ordered_json::parse(schema), vocabulary);
}

ConstraintState state_at(const Place& place, const Vocabulary& vocabulary) {
  ConstraintState state(constraint(place.schema, vocabulary));
  CHECK(state.advance(place.text), "{} does not admit {}", place.schema, place.text);
  return state;
}

// Of this thread: the machine may be shared.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void first(benchmark::State& bench, const Place& place, const Vocabulary& vocabulary) {
  for (auto _ : bench) {
    const ConstraintState state = state_at(place, vocabulary);  // remembers only the way to here
    const double begin = processor_seconds();
    benchmark::DoNotOptimize(state.allowed());
    bench.SetIterationTime(processor_seconds() - begin);
  }
}

void again(benchmark::State& bench, const Place& place, const Vocabulary& vocabulary) {
  const ConstraintState state = state_at(place, vocabulary);
  for (auto _ : bench) benchmark::DoNotOptimize(state.allowed());
}

void sample(benchmark::State& bench, bool masked) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(151'936);
  for (float& x : logits) x = normal(random);
  const auto mask = state_at(kPlaces[3], vocabularies().at("words")).allowed();
  Sampler sampler;
  SamplingParams params;
  for (auto _ : bench)
    benchmark::DoNotOptimize(
        sampler.sample(logits, params, {}, {}, masked ? AllowedTokens(*mask) : AllowedTokens()).ok());
}

const bool registered = [] {
  using benchmark::RegisterBenchmark;
  for (const auto& [name, vocabulary] : vocabularies()) {
    for (const Place& place : kPlaces) {
      const std::string where = fmt::format("/{}/{}", name, place.name);
      RegisterBenchmark(("first" + where).c_str(), first, place, vocabulary)->UseManualTime()->Iterations(40);
      RegisterBenchmark(("again" + where).c_str(), again, place, vocabulary);
    }
  }
  RegisterBenchmark("trie/words", [](benchmark::State& bench) {
    const std::vector<std::string> tokens = synthetic_tokens(151'936);
    const std::vector<std::string_view> views(tokens.begin(), tokens.end());
    std::size_t bytes = 0;
    for (auto _ : bench) bytes = TokenTrie(views).bytes();
    bench.counters["bytes"] = static_cast<double>(bytes);
  });
  RegisterBenchmark("compile/person", [](benchmark::State& bench) {
    for (auto _ : bench) benchmark::DoNotOptimize(constraint(kPerson, vocabularies().at("words")));
  });
  RegisterBenchmark("advance", [](benchmark::State& bench) {
    ConstraintState state = state_at(kPlaces[3], vocabularies().at("words"));
    for (auto _ : bench) benchmark::DoNotOptimize(state.advance(" hello"));
  });
  RegisterBenchmark("sample/all", sample, false);
  RegisterBenchmark("sample/masked", sample, true);
  return true;
}();

}  // namespace
}  // namespace verbatim
