// The data of a page, and the page as bytes. What a browser makes of it: tests/report_page.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <tuple>

#include "base/sha256.h"
#include "json/library.h"
#include "report/page_data.h"
#include "report/report.h"

namespace verbatim::report {
namespace {

const std::string kHostile = "</script><!--<script>{{data}}{{script}}\xff\xe2\x80\xa8\"'&";

Report hostile() {
  Report report;
  report.title = report.word = report.headline = report.replay = report.raw_data = kHostile;
  report.facts = report.provenance = {{kHostile, kHostile}};
  Lane lane{
      .label = kHostile, .conditions = {{kHostile, kHostile}}, .count = 1, .tokens = {}, .ending = kHostile};
  lane.tokens.push_back({.bytes = kHostile, .id = {}, .logprob = -1.0, .top = {{kHostile, {}, -1.0}}});
  Section section;
  section.heading = section.finding = section.replay = kHostile;
  section.prose = {kHostile};
  section.tables = {{kHostile, {kHostile}, {{kHostile}}}};
  section.charts = {
      {kHostile, {kHostile, Scale::log, kHostile}, {kHostile, Scale::log, kHostile}, {{kHostile, {{0, 0}}}}}};
  section.groups = {{kHostile, kHostile, kHostile, {lane}}};
  report.sections = {section};
  return report;
}

std::size_t times(std::string_view needle, std::string_view text) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(needle, at)) != text.npos; at += needle.size()) ++found;
  return found;
}

// Between the markers of `open` and `close`, the last such element.
std::string_view inside(std::string_view page, std::string_view open, std::string_view close) {
  std::size_t begin = page.rfind(open) + open.size();
  return page.substr(begin, page.find(close, begin) - begin);
}

TEST(PageData, IsAsciiWithoutMarkup) {
  std::string data = page_data(hostile());
  EXPECT_EQ(data.find_first_of("<>&\n"), data.npos);
  EXPECT_TRUE(std::ranges::all_of(data, [](char c) { return c >= 0x20 && c < 0x7f; }));
}

TEST(RenderHtml, HostileTextsAddNoElement) {
  std::string page = render_html(hostile()), blank = render_html({});
  for (std::string_view tag : {"<script", "</script", "<style", "</style", "<!--", "<img"}) {
    EXPECT_EQ(times(tag, page), times(tag, blank)) << tag;
  }
  EXPECT_EQ(times("Content-Security-Policy", page), 1u);
}

TEST(RenderHtml, ThePolicyNamesTheScriptAndTheStyleByTheirDigest) {
  std::string page = render_html(hostile());
  for (auto [open, close, directive] :
       {std::tuple{"<script>", "</script>", "script-src"}, std::tuple{"<style>", "</style>", "style-src"}}) {
    Sha256 hash;
    hash.update(inside(page, open, close));
    Sha256Digest digest = hash.digest();
    unsigned char base64[45];
    EVP_EncodeBlock(base64, digest.data(), 32);
    EXPECT_NE(page.find(fmt::format("{} 'sha256-{}';", directive, reinterpret_cast<const char*>(base64))),
              page.npos);
  }
  EXPECT_NE(page.find("default-src 'none'"), page.npos);
}

TEST(RenderHtml, EqualReportsGiveEqualBytesAndNamesNoAddress) {
  std::string page = render_html(hostile());
  EXPECT_EQ(page, render_html(hostile()));
  EXPECT_EQ(times("://", page), 1u);  // the namespace of SVG, which nothing fetches
  EXPECT_LT(render_html({}).size(), 60u << 10);
}

LaneGroup group_of(std::size_t lanes, std::size_t tokens) {
  LaneGroup group;
  for (std::size_t i = 0; i < lanes; ++i) {
    Lane lane{.label = "", .conditions = {}, .count = 1, .tokens = {}, .ending = ""};
    for (std::size_t k = 0; k < tokens; ++k) {
      lane.tokens.push_back(
          {.bytes = fmt::format("{}", k == 1 ? i : k), .id = {}, .logprob = -1.0, .top = {}});
    }
    group.lanes.push_back(std::move(lane));
  }
  return group;
}

nlohmann::json group_data(LaneGroup group, const PageLimits& limits) {
  Report report;
  report.sections.emplace_back().groups.push_back(std::move(group));
  return nlohmann::json::parse(page_data(report, limits))["sections"][0]["groups"][0];
}

TEST(PageData, LeavesOutWhatIsTooMuchAndCountsIt) {
  auto data = group_data(group_of(10, 4), {.answers = 3});
  EXPECT_EQ(data["answers"].size(), 3u);
  EXPECT_EQ(data["distinct"], 10);
  EXPECT_EQ(data["count"], 10);

  data = group_data(group_of(10, 4), {.tokens = 9});
  EXPECT_EQ(data["answers"].size(), 2u);

  data = group_data(group_of(2, 4), {.positions = 3});
  EXPECT_EQ(data["answers"][1]["tokens"].size(), 3u);
  EXPECT_EQ(data["answers"][1]["length"], 4);
  EXPECT_EQ(data["drift"][0].size(), 2u);  // measured over all the same

  data = group_data(group_of(2, 4), {.logprobs = 6});
  EXPECT_EQ(data["answers"][0]["logprobs"].size(), 4u);
  EXPECT_EQ(data["answers"][1]["logprobs"].size(), 2u);

  LaneGroup long_token = group_of(1, 1);
  long_token.lanes[0].tokens[0].bytes = std::string(100, 'x');
  data = group_data(long_token, {.token_bytes = 30});
  EXPECT_EQ(data["names"][0], (nlohmann::json{std::string(30, 'x'), nullptr, 70}));
}

TEST(SplitWords, JoinedIsTheText) {
  for (std::string_view text :
       {"", " ", "a", "  two\nwords ", "\xff\xfe  \xe2\x82", "\xe3\x80\x80x\xc2\xa0y"}) {
    std::string joined;
    for (const Token& word : split_words(text)) joined += word.bytes;
    EXPECT_EQ(joined, text);
  }
  std::vector<Token> words = split_words("The sky  is\n");
  ASSERT_EQ(words.size(), 4u);
  EXPECT_EQ(words[0].bytes, "The");
  EXPECT_EQ(words[1].bytes, " sky");
  EXPECT_EQ(words[2].bytes, "  is");
  EXPECT_EQ(words[3].bytes, "\n");
  EXPECT_EQ(split_words(std::string(49, 'x')).size(), 3u);
}

TEST(ReportDeathTest, ATableHasCellsForItsColumns) {
  Report report;
  report.sections.emplace_back().tables = {{"sums", {"a", "b"}, {{"1"}}}};
  EXPECT_DEATH(render_html(report), "table 'sums' has a row of 1 cells for 2 columns");
}

}  // namespace
}  // namespace verbatim::report
