// What a comparison of answers found, as one plain value, and the HTML page that shows it.
//
// `verbatim audit` fills one section with the answers of a server; `verbatim lab` one section an experiment. The page
// is a single file that needs nothing else: no request leaves it, so it can be mailed, archived and opened from
// disk (docs/report.md). Equal reports give equal bytes: no clock, no locale and no random number is asked.
//
// Text from outside may be anything: token bytes need not be UTF-8, and no text can leave the place where it is
// shown. What is too much for a page is left out, and the page says how much and where it is (`raw_data`).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace verbatim::report {

enum class Verdict : std::uint8_t {
  neutral,        // nothing was judged
  deterministic,  // one answer
  differs,        // several answers to one question
  unclear,        // could not tell; the text beside it says why
};

struct Fact {
  std::string name, value;  // "distinct answers", "3 of 200"
  auto operator<=>(const Fact&) const = default;
};

// A token that could have come at some position.
struct Candidate {
  std::string bytes;
  std::optional<std::int64_t> id;
  double logprob = 0;
};

struct Token {
  std::string bytes;               // any bytes; need not be UTF-8
  std::optional<std::int64_t> id;  // where the server tells it
  std::optional<double> logprob;
  std::vector<Candidate> top;  // best first; may hold this token
};

// `count` answers alike in every token and every bit of every log-probability.
struct Lane {
  std::string label;             // whose answer: "request 17"
  std::vector<Fact> conditions;  // what a reader may filter by: {"backend", "avx2"}, {"concurrency", "8"}
  std::int64_t count = 1;
  std::vector<Token> tokens;
  std::string ending;  // the finish reason; answers that end differently differ
};

// Answers to one question. lanes[0] is the reference: the others are compared with it.
struct LaneGroup {
  std::string title;
  std::string prompt;          // what was asked; may be empty
  std::string unit = "token";  // what a Token of these lanes is: "token", or "word" (split_words)
  std::vector<Lane> lanes;
};

// For servers that tell no tokens: the words of a text, each with the white space before it, long ones in pieces.
// Joined they are the text; equal beginnings of two texts are cut alike but for their last word.
std::vector<Token> split_words(std::string_view text);

struct Table {
  std::string caption;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // as long as columns; a column of numbers is set flush right
};

enum class Scale : std::uint8_t { linear, log };

struct Axis {
  std::string label;  // with its unit
  Scale scale = Scale::linear;
  std::string zero;  // what 0 means on a log axis, where it gets a band of its own: "identical bits"
};

struct Series {
  struct Point {
    double x = 0, y = 0;  // points that are not finite, or negative on a log axis, are not drawn
  };
  std::string name;
  std::vector<Point> points;  // in the order in which the line runs
};

struct Chart {
  std::string title;
  Axis x, y;
  std::vector<Series> series;  // up to 6 can be told apart
};

struct Section {
  std::string heading;
  Verdict verdict = Verdict::neutral;
  std::string badge;               // in place of the verdict's own words: "seen"
  std::string finding;             // what came out, in one sentence
  std::vector<std::string> prose;  // paragraphs; `backticks` set code
  std::vector<Fact> facts;
  std::vector<Table> tables;
  std::vector<Chart> charts;
  std::vector<LaneGroup> groups;
  std::string replay;  // the command that does this again; may be empty
};

struct Report {
  std::string title;
  Verdict verdict = Verdict::neutral;
  std::string word;         // in place of the verdict's own words: "The same"
  std::string headline;     // the verdict in one sentence
  std::vector<Fact> facts;  // of the banner: distinct answers, first divergence, digest, largest overlap
  std::vector<Section> sections;
  std::string replay;            // the command that makes the whole report again
  std::vector<Fact> provenance;  // machine, version, date: as the caller knows them
  std::string raw_data;          // where everything is, when the page leaves something out: "results.jsonl"
};

// As one word of a shell's command, for `replay`.
std::string shell_quoted(std::string_view text);

// REQUIRES: every row of a table as long as its columns; counts of lanes above 0
std::string render_html(const Report& report);

// The page as a file. The error names it.
Status write_page(const std::string& path, const Report& report);

}  // namespace verbatim::report
