// report_fixtures FOLDER: writes one page for each kind of report into FOLDER, for the tests of this folder and for
// eyes. The answers are invented from a seed, by rules that make what each page is about.
#include <fmt/core.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "report/report.h"

namespace verbatim::report {
namespace {

// Marsaglia's xorshift32.
class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed) {}
  std::uint32_t operator()(std::uint32_t below) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % below;
  }
  double unit() { return (*this)(1u << 20) / double{1 << 20}; }

 private:
  std::uint32_t state_;
};

const std::vector<std::string> kStory = {
    " there",   " lived",   " a",      " king", " who",    " had",   " three", " sons",  ",",     " the",
    " eldest",  " of",      " them",   ",",     "\n",      " but",   " the",   " young", "est",   " was",
    " only",    " a",       " little", " girl", ",",       " and",   " a",     " girl",  " was",  " quite",
    " natural", ".",        "\n\n",    " The",  " king",   " said",  ":",      " \"",    "Who",   "ever",
    " brings",  " me",      "\t",      " the",  " golden", " apple", "  ",     "shall",  " have", " half",
    " my",      " kingdom", ".",       "\"",    " So"};

// Position `at` of a story: the word that comes there, or another one where the answer has gone astray.
Token token_at(std::size_t at, Random& choices, std::size_t drift_ulps) {
  Random shape(static_cast<std::uint32_t>(at) * 2654435761u + 1);  // what the model thinks, whoever asks
  double best = -0.05 - 0.5 * shape.unit(), second = best - std::pow(10.0, -3 + 3.5 * shape.unit());
  auto pick = [&](std::size_t step) {
    std::size_t index = (at + 7 * step) % kStory.size();
    return Candidate{kStory[index], static_cast<std::int64_t>(260 + index), 0};
  };
  Token token;
  for (std::size_t k = 0; k < 5; ++k) {
    Candidate candidate = pick(k);
    double logprob = k == 0 ? best : second - 0.7 * static_cast<double>(k - 1);
    for (std::size_t ulp = 0; ulp < drift_ulps; ++ulp) {
      if (choices(3) == 0) logprob = std::nextafter(static_cast<float>(logprob), 0.0F);
    }
    candidate.logprob = static_cast<float>(logprob);
    token.top.push_back(std::move(candidate));
  }
  token.bytes = token.top[0].bytes;
  token.id = token.top[0].id;
  token.logprob = token.top[0].logprob;
  return token;
}

std::vector<Fact> conditions(std::string backend, std::int64_t concurrency) {
  return {{"backend", std::move(backend)}, {"concurrency", std::to_string(concurrency)}};
}

// length tokens; from `parts_at` on they are those of another story.
std::vector<Token> story(std::size_t length, std::size_t parts_at, std::size_t other, Random& choices,
                         std::size_t drift_ulps) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < length; ++i) {
    Token token = token_at(i < parts_at ? i : i + 11 * other, choices, drift_ulps);
    if (i == parts_at && other > 0) {  // the second candidate of the same choice came out
      token = token_at(i, choices, drift_ulps);
      const Candidate& second = token.top[1 + other % 2];
      token.bytes = second.bytes;
      token.id = second.id;
      token.logprob = second.logprob;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::vector<Fact> provenance() {
  return {{"version", "verbatim 0.1.0"},
          {"machine", "Xeon, 2 cores, AMX"},
          {"date", "2026-11-24"},
          {"server", "http://127.0.0.1:8000, model storyteller, fingerprint fp_349abb22de4bf303"}};
}

Report one_section(std::string title, Verdict verdict, std::string headline, LaneGroup group) {
  Report report;
  report.title = std::move(title);
  report.verdict = verdict;
  report.headline = std::move(headline);
  report.replay = "verbatim audit http://127.0.0.1:8000 --requests 200 --concurrency 1,8,32 --seed 7";
  report.provenance = provenance();
  report.raw_data = "results.jsonl";
  Section section;
  section.heading = "The answers";
  section.groups.push_back(std::move(group));
  report.sections.push_back(std::move(section));
  return report;
}

LaneGroup fairy_tale() {
  LaneGroup group;
  group.title = "temperature 0";
  group.prompt = "Once upon a time";
  return group;
}

Report deterministic() {
  LaneGroup group = fairy_tale();
  Random choices(1);
  for (const char* backend : {"avx2", "amx"}) {
    for (int concurrency : {1, 8, 32}) {
      group.lanes.push_back({.label = fmt::format("{} at {}", backend, concurrency),
                             .conditions = conditions(backend, concurrency),
                             .count = concurrency == 1 ? 20 : 40,
                             .tokens = story(48, 48, 0, choices, 0),
                             .ending = "length"});
    }
  }
  Report report = one_section("Audit of a server", Verdict::deterministic,
                              "200 requests, one answer: every token and every bit of every log-probability.",
                              std::move(group));
  report.facts = {{"distinct answers", "1 of 200"},
                  {"first divergence", "none"},
                  {"digest", "349abb22de4bf30330e83f046d202d65efd626f06e2e511ad40ab4399f902583"},
                  {"largest overlap", "32 requests at once"}};
  return report;
}

Report divergent() {
  LaneGroup group = fairy_tale();
  Random choices(20);
  auto ask = [&](std::string backend, std::int64_t concurrency, int requests) {
    for (int i = 0; i < requests; ++i) {
      bool astray = concurrency > 1 && choices(100) < static_cast<std::uint32_t>(concurrency * 2);
      std::size_t parts_at = std::vector<std::size_t>{17, 17, 29, 23, 40}[choices(5)];
      std::size_t other = astray ? 1 + parts_at % 2 : 0;
      group.lanes.push_back({.label = fmt::format("request {}", group.lanes.size() + 1),
                             .conditions = conditions(backend, concurrency),
                             .count = 1,
                             .tokens = story(astray && parts_at == 40 ? 40 : 48, parts_at, other, choices,
                                             concurrency > 1 ? 1 + choices(3) : 0),
                             .ending = astray && parts_at == 40 ? "stop" : "length"});
    }
  };
  ask("cuda", 1, 40);
  ask("cuda", 8, 60);
  ask("cuda", 32, 60);
  ask("cpu", 8, 40);
  Report report =
      one_section("Audit of a server", Verdict::differs,
                  "The same request got different answers when others ran beside it.", std::move(group));
  report.facts = {{"distinct answers", "5 of 200"},
                  {"first divergence", "token 17 of 48"},
                  {"digest", "b17d0ca2c1f3a3b5"},
                  {"largest overlap", "32 requests at once"}};
  Section& section = report.sections[0];
  section.verdict = Verdict::differs;
  section.finding = "Alone, the server repeats itself; in a crowd it does not.";
  section.prose = {
      "Each request was sent with `temperature: 0` and the same prompt. Neighbours of random lengths ran "
      "beside it."};
  section.tables = {{"By concurrency",
                     {"concurrency", "answers", "distinct", "largest drift"},
                     {{"1", "40", "1", "0"}, {"8", "100", "3", "1.2e-07"}, {"32", "60", "5", "2.4e-07"}}}};
  return report;
}

const std::string kScript =
    "</script><script>window.injected = 1</script><img src=x onerror='window.injected = 1'>";

Report hostile() {
  LaneGroup group;
  group.title = kScript;
  group.prompt = "<!--<script>" + kScript + "\xe2\x80\xa8\xe2\x80\xae";
  const std::vector<std::string> texts = {
      kScript,
      "<!--",
      "<script>",
      "]]>",
      "{{data}}",
      "{{script}}",
      "&lt;b&gt;",
      "\\u003c",
      "\"'`",
      std::string("\0", 1),
      "\x01\x1b[31m\x7f",
      "\r\n",
      "\xe2\x80\xa8",
      "\xe2\x80\xa9",  // U+2028, U+2029
      "\xff\xfe",
      "\xc3",
      "\xe2\x82",
      "\xed\xa0\x80",
      "\xed\xb2\x80",  // not UTF-8
      "\xe2\x80\xae"
      "evil\xe2\x80\xac",
      "\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85",
      "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
      "\xcc\x88\xcc\x88\xcc\x88\xcc\x88",
      "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",  // marks; a joined emoji
      "\xef\xbb\xbf",
      "\xe2\x80\x8b",
      "\xf3\xa0\x81\x81",
      "__proto__",
      "constructor",
      "",  // invisible ones
      std::string(100'000, 'a'),
      std::string(3000, '\n')};
  for (int lane = 0; lane < 2; ++lane) {
    Lane made{.label = kScript,
              .conditions = {{kScript, std::to_string(lane)}, {"__proto__", kScript}},
              .count = 1,
              .tokens = {},
              .ending = kScript};
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string& text = texts[lane == 1 && i >= 20 ? texts.size() - 1 - (i - 20) : i];
      Token token{.bytes = text, .id = static_cast<std::int64_t>(i), .logprob = -0.5, .top = {}};
      if (lane == 1 && i == 3) token.id = std::int64_t{9'007'199'254'740'993};
      for (const std::string& other : {text, kScript, std::string("\xff")}) {
        token.top.push_back({other, {}, other == kScript ? -INFINITY : -0.1});
      }
      made.tokens.push_back(std::move(token));
    }
    group.lanes.push_back(std::move(made));
  }
  Report report = one_section(kScript, Verdict::unclear, kScript, std::move(group));
  report.replay = "curl 'http://127.0.0.1/' # " + kScript + " {{style}} \xff \xe2\x80\xae";
  report.facts = {{kScript, kScript}, {"__proto__", "\xff\xe2\x80\xa8"}};
  report.provenance = {{kScript, kScript}};
  report.raw_data = kScript;
  Section& section = report.sections[0];
  section.heading = section.finding = kScript;
  section.prose = {kScript + "`" + kScript + "`"};
  section.tables = {{kScript,
                     {kScript, "b"},
                     {{kScript,
                       "\xe2\x80\xae"
                       "abc"}}}};
  section.charts = {{kScript,
                     {kScript, Scale::log, kScript},
                     {kScript, Scale::log, kScript},
                     {{kScript, {{1, 0}, {2, NAN}, {INFINITY, 3}, {0, 1e300}, {1e-300, -1}, {1e308, 1e-308}}},
                      {"empty", {}}}}};
  section.replay = kScript;
  return report;
}

Report lab() {
  Report report;
  report.title = "Why answers differ: experiments on this machine";
  report.headline =
      "Seven experiments. Where the order of a sum follows the load, results change; here it does not.";
  report.facts = {{"experiments", "7"}, {"seconds", "41"}};
  report.replay = "verbatim lab --html lab.html";
  report.provenance = provenance();

  Section sums;
  sums.heading = "Is addition of floats associative?";
  sums.verdict = Verdict::differs;
  sums.finding = "102 different sums of the same eight numbers, over 10,000 orders.";
  sums.prose = {
      "Eight numbers of very different sizes, `1e10` to `1e-5` with both signs, were added in random "
      "orders. The exact sum is one number."};
  sums.tables = {
      {"The most frequent sums",
       {"sum", "hex float", "orders"},
       {{"0", "0x0p+0", "2,310"}, {"1e-05", "0x1.4f8b58p-17", "1,204"}, {"-0.01", "-0x1.47ae14p-7", "817"}}}};
  sums.replay = "verbatim lab --only 1";

  Section matmul;
  matmul.heading = "Is a product repeated the same?";
  matmul.verdict = Verdict::deterministic;
  matmul.finding = "1,000 repetitions, one result.";
  matmul.replay = "verbatim lab --only 3";

  Section batch;
  batch.heading = "Is row 0 the same in any batch?";
  batch.verdict = Verdict::differs;
  batch.finding = "OpenBLAS: 3 results over 10 batch sizes. verbatim: 1.";
  batch.prose = {"Row 0 of a product, computed alone and inside batches."};
  Chart chart{"Distinct results of row 0 up to each batch size",
              {"batch size", Scale::log, ""},
              {"distinct results", Scale::linear, ""},
              {}};
  Chart drift{"Largest difference from the row computed alone",
              {"batch size", Scale::log, ""},
              {"|difference|", Scale::log, "identical bits"},
              {}};
  Series blas{"OpenBLAS, float32", {}}, gpu{"GPU, bf16", {}}, ours{"verbatim, integers", {}};
  Series blas_drift = blas, gpu_drift = gpu, ours_drift = ours;
  for (int size = 1; size <= 512; size *= 2) {
    double step = std::log2(size);
    blas.points.push_back({double(size), size < 4 ? 1.0 : size < 64 ? 2.0 : 3.0});
    gpu.points.push_back({double(size), 1 + std::floor(step / 2)});
    ours.points.push_back({double(size), 1});
    blas_drift.points.push_back({double(size), size < 4 ? 0 : 1e-7 * (1 + step)});
    gpu_drift.points.push_back({double(size), size < 2 ? 0 : 2e-3 * (1 + step / 3)});
    ours_drift.points.push_back({double(size), 0});
  }
  chart.series = {blas, gpu, ours};
  drift.series = {blas_drift, gpu_drift, ours_drift};
  batch.charts = {chart, drift};
  batch.facts = {{"shape", "1 to 512 x 2048 x 2048"}, {"threads", "2"}};
  batch.replay = "verbatim lab --only 4";

  Section whole;
  whole.heading = "And a whole completion?";
  whole.verdict = Verdict::differs;
  whole.finding = "The control group gave 5 different completions; verbatim gave one.";
  whole.groups = divergent().sections[0].groups;
  whole.replay = "verbatim lab --only 6";

  Section gpu_only;
  gpu_only.heading = "The same on a GPU";
  gpu_only.verdict = Verdict::unclear;
  gpu_only.finding = "No GPU here.";

  report.sections = {sums, matmul, batch, whole, gpu_only};
  return report;
}

Report huge() {
  LaneGroup group = fairy_tale();
  Random choices(3);
  for (std::size_t lane = 0; lane < 1000; ++lane) {
    std::size_t parts_at = lane == 0 ? 1000 : 200 + choices(790);
    group.lanes.push_back({.label = fmt::format("request {}", lane + 1),
                           .conditions = conditions(lane % 2 == 0 ? "cuda" : "cpu", 1 << (lane % 7)),
                           .count = 1,
                           .tokens = story(1000, parts_at, lane, choices, lane == 0 ? 0 : 1),
                           .ending = "length"});
  }
  Report report =
      one_section("Audit of a server", Verdict::differs, "1,000 requests, 1,000 answers.", std::move(group));
  report.facts = {{"distinct answers", "1,000 of 1,000"}, {"first divergence", "token 200 of 1,000"}};
  return report;
}

Report words() {
  LaneGroup group;
  group.title = "chat without log-probabilities";
  group.prompt = "What colour is the sky?";
  group.unit = "word";
  const char* const answers[] = {"The sky is blue, because air scatters blue light more than red.",
                                 "The sky is blue, because sunlight is scattered by the air.",
                                 "The sky is blue."};
  for (std::size_t i = 0; i < 3; ++i) {
    group.lanes.push_back({.label = fmt::format("request {}", i + 1),
                           .conditions = {},
                           .count = i == 0 ? 17 : 2,
                           .tokens = split_words(answers[i]),
                           .ending = "stop"});
  }
  Report report =
      one_section("Audit of a chat server", Verdict::differs, "3 answers to one question.", std::move(group));
  report.word = "Different";
  return report;
}

Report empty() { return {}; }

// Groups without lanes, answers without tokens, equal tokens with several endings, charts and tables without content.
Report edges() {
  auto lane = [](std::vector<Token> tokens, std::string ending, std::vector<Fact> conditions = {}) {
    return Lane{.label = "",
                .conditions = std::move(conditions),
                .count = 1,
                .tokens = std::move(tokens),
                .ending = std::move(ending)};
  };
  LaneGroup none, silent, endings;
  none.title = "no lanes";
  silent.title = "the reference is empty";
  silent.lanes = {lane({}, "stop"), lane(split_words("not empty"), "stop")};
  endings.title = "several endings";
  endings.lanes = {lane(split_words("a b"), "stop"), lane(split_words("a b"), "length", {{"backend", "gpu"}}),
                   lane(split_words("a b c"), "")};
  Report report;
  Section& section = report.sections.emplace_back();
  section.groups = {none, silent, endings};
  section.tables = {{"empty", {"a", "b"}, {}}};
  section.charts = {
      {"empty", {}, {}, {}},
      {"one point", {"x", Scale::log, ""}, {"y", Scale::linear, ""}, {{"one", {{3, 3}}}}},
      {"all zero", {"x", Scale::linear, ""}, {"y", Scale::log, ""}, {{"zero", {{0, 0}, {1, 0}}}}}};
  return report;
}

struct Fixture {
  const char* name;
  Report (*make)();
};
constexpr Fixture kFixtures[] = {
    {"deterministic", deterministic},
    {"divergent", divergent},
    {"hostile", hostile},
    {"lab", lab},
    {"huge", huge},
    {"words", words},
    {"empty", empty},
    {"edges", edges},
};

}  // namespace
}  // namespace verbatim::report

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: report_fixtures FOLDER\n");
    return 2;
  }
  for (const auto& fixture : verbatim::report::kFixtures) {
    std::string path = fmt::format("{}/{}.html", argv[1], fixture.name);
    std::ofstream file(path, std::ios::binary);
    file << render_html(fixture.make());
    if (!file.flush()) {
      fmt::print(stderr, "report_fixtures: {} cannot be written\n", path);
      return 1;
    }
  }
}
