#include "client/load_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <random>
#include <string_view>

namespace verbatim::client {
namespace {

constexpr std::array<std::string_view, 64> kWords = {
    "time",     "year",    "people",   "way",    "day",        "man",    "thing",   "woman",
    "life",     "child",   "world",    "school", "state",      "family", "student", "group",
    "country",  "problem", "hand",     "part",   "place",      "case",   "week",    "company",
    "system",   "program", "question", "work",   "government", "number", "night",   "point",
    "home",     "water",   "room",     "mother", "area",       "money",  "story",   "fact",
    "month",    "lot",     "right",    "study",  "book",       "eye",    "job",     "word",
    "business", "issue",   "side",     "kind",   "head",       "house",  "service", "friend",
    "father",   "power",   "hour",     "game",   "line",       "end",    "member",  "law"};

struct LogNormal {
  double median, sigma;
};
constexpr LogNormal kInput{107, 1.35}, kOutput{131, 0.95};
constexpr double kShortest = 4, kLongest = 1024;

// Draws that are the same with every standard library: the engine's values are fixed by the C++ standard, those
// of its distributions are not.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : engine_(seed) {}

  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }  // in (0, 1)
  double exponential() { return -std::log(uniform()); }
  double normal() {  // Box and Muller
    double radius = std::sqrt(2 * exponential());
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  std::int64_t length(LogNormal shape) {
    double drawn = shape.median * std::exp(shape.sigma * normal());
    return static_cast<std::int64_t>(std::clamp(drawn, kShortest, kLongest));
  }
  std::string words(std::int64_t count) {
    std::string text;
    for (std::int64_t i = 0; i < count; ++i) {
      if (i > 0) text += ' ';
      text += kWords[engine_() % kWords.size()];
    }
    return text;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace

std::vector<PlannedRequest> plan_load(const LoadShape& shape) {
  Draws draws(shape.seed);
  std::vector<PlannedRequest> plan;
  double at = 0;
  for (std::int64_t i = 0; i < shape.prompts; ++i) {
    PlannedRequest request;
    if (shape.repeat_one && i > 0) {
      request = plan.front();
    } else {
      std::int64_t input = shape.input_words > 0 ? shape.input_words : draws.length(kInput);
      request.prompt = draws.words(input);
      request.max_tokens = shape.output_tokens > 0 ? shape.output_tokens : draws.length(kOutput);
    }
    request.at = at;
    plan.push_back(std::move(request));
    if (shape.request_rate > 0) at += draws.exponential() / shape.request_rate;
  }
  return plan;
}

}  // namespace verbatim::client
