#include "audit/record.h"

#include <gtest/gtest.h>

#include "audit/results_file.h"
#include "server/http_fixture.h"

namespace verbatim::audit {
namespace {

using server::contains;

Header some_header() {
  Header header;
  header.url = "http://127.0.0.1:8000";
  header.shape.prompt = "two\nlines";
  header.dialect.model = "m";
  header.dialect.seed = false;
  header.dialect.notes = {"seed is refused"};
  return header;
}

Record some_record() {
  Record record;
  record.index = 3;
  record.condition = {8, 1, Neighbours::hostile};
  record.probe = true;
  record.request = {"two\nlines", 64, 1, 42};
  record.status = 200;
  record.retried = {"http 429"};
  record.in_flight = 8;
  record.generating = 7;
  record.answer.text = " a";
  record.answer.finish_reason = "length";
  record.answer.fingerprint = "fp";
  ScoredToken token{{" a", std::vector<std::int64_t>{32, 97}, 5, -0.12345678901234567}, {}};
  token.top = {{" a", {}, {}, -0.12345678901234567}, {" b", {}, {}, -9999}};
  record.answer.tokens = {token};
  return record;
}

TEST(Record, ReadsBackAsItWasWritten) {
  Record record = some_record();
  auto read = record_of(to_line(record));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(to_line(*read), to_line(record));
  EXPECT_EQ(read->request, record.request);
  EXPECT_EQ(read->condition, record.condition);
  EXPECT_EQ(read->answer.tokens, record.answer.tokens) << "to the last bit";
  record.error_kind = "timeout";
  record.error = "too late";
  read = record_of(to_line(record));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_FALSE(read->good());
  EXPECT_EQ(read->error, "too late");
}

// The library alone would convert such a number, which has no defined result.
TEST(Record, NumbersThatAreNoIntegersAreRefused) {
  const std::string line = to_line(some_record());
  for (const char* key : {"index", "concurrency", "max_tokens", "seed", "status", "in_flight", "generating",
                          "output_tokens", "id"}) {
    for (const char* number : {"1e30", "0.5", "99999999999999999999"}) {
      const std::string name = fmt::format("\"{}\":", key);
      const std::size_t at = line.find(name) + name.size();
      ASSERT_NE(line.find(name), line.npos) << key;
      std::string edited = line;
      edited.replace(at, line.find_first_of(",}", at) - at, number);
      auto read = record_of(edited);
      ASSERT_FALSE(read.ok()) << key << ": " << number;
      EXPECT_TRUE(contains(read.error().message, "is no integer of")) << read.error().message;
    }
  }
}

TEST(Record, HeadersReadBack) {
  Header header = some_header();
  auto read = header_of(to_line(header));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->shape, header.shape);
  EXPECT_EQ(read->dialect, header.dialect);
  EXPECT_EQ(read->url, header.url);
}

TEST(Results, TheLaterRecordStandsAndOrderDoesNotMatter) {
  Record first = some_record(), later = first, other = first;
  first.error_kind = "http 503";
  other.index = 1;
  auto results = parse_results(to_line(some_header()) + to_line(first) + to_line(later) + to_line(other));
  ASSERT_TRUE(results.ok()) << results.error().message;
  ASSERT_EQ(results->records.size(), 2u);
  EXPECT_EQ(results->records[0].index, 1u);
  EXPECT_TRUE(results->records[1].good());
}

// However an interruption cut the file, what is whole is read, and what is kept ends with a whole line.
TEST(Results, ACutAnywhereInTheLastLineLosesThatLineAlone) {
  std::string whole = to_line(some_header()) + to_line(some_record()), last = to_line(some_record());
  for (std::size_t cut = 1; cut < last.size(); ++cut) {
    auto results = parse_results(whole + last.substr(0, cut));
    ASSERT_TRUE(results.ok()) << results.error().message;
    EXPECT_TRUE(results->cut_short);
    EXPECT_EQ(results->records.size(), 1u);
    EXPECT_EQ(results->whole_bytes, whole.size());
  }
}

TEST(Results, OtherFilesAreRefusedByLine) {
  auto refusal = [](const std::string& text) {
    auto results = parse_results(text);
    return results ? "accepted" : results.error().message;
  };
  std::string header = to_line(some_header()), record = to_line(some_record());
  EXPECT_PRED2(contains, refusal(""), "line 1: is missing");
  EXPECT_PRED2(contains, refusal("{\"prompt\": \"a data set\"}\n"), "line 1: is not the beginning");
  EXPECT_PRED2(contains, refusal(record), "line 1: is not the beginning");
  EXPECT_PRED2(contains, refusal(header + "{}\n" + record), "line 2: is not a record");
  EXPECT_PRED2(contains, refusal(header + record + header), "line 3: is not a record");
  std::string future = header;
  future.replace(future.find("\"verbatim_audit\":1"), 18, "\"verbatim_audit\":2");
  EXPECT_PRED2(contains, refusal(future), "format is 2");
}

TEST(Results, WhatCannotBeReadIsNamed) {
  const std::string folder = std::filesystem::temp_directory_path();
  EXPECT_EQ(read_results(folder).error().message, folder + ": is a folder");
  EXPECT_EQ(read_results("/no/such/file").error().message, "/no/such/file: cannot be read");
}

TEST(Results, AreGoneOnWithForTheSamePlanAlone) {
  Results results;
  results.header = some_header();
  results.header.shape.temperatures = {0};
  AuditShape asked = results.header.shape;
  asked.temperatures = {0, 1};  // seeds did not work: the second was left out
  Server server;
  server.url = *client::parse_url("http://127.0.0.1:8000");
  auto refusal = [&] { return check_resumable(results, server, asked).error().message; };
  EXPECT_TRUE(check_resumable(results, server, asked).ok());
  server.model = results.header.dialect.model;
  server.endpoint = results.header.dialect.endpoint;
  EXPECT_TRUE(check_resumable(results, server, asked).ok());
  server.endpoint = client::Endpoint::completions;
  results.header.dialect.endpoint = client::Endpoint::chat;
  EXPECT_PRED2(contains, refusal(), "an audit of /v1/chat/completions, not of /v1/completions");
  server.model = "another";
  EXPECT_PRED2(contains, refusal(), "not of another");
  server.url = *client::parse_url("http://elsewhere");
  EXPECT_PRED2(contains, refusal(), "not of http://else");
  server = Server();
  server.url = *client::parse_url("http://127.0.0.1:8000");
  asked.max_tokens = 7;
  EXPECT_PRED2(contains, refusal(), "another plan");
}

}  // namespace
}  // namespace verbatim::audit
