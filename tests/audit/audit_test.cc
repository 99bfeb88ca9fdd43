// Whole audits of servers that misbehave in one way each: what is found, the verdict, and the exit code it is.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "audit/compare.h"
#include "audit/results_file.h"
#include "audit/run.h"
#include "audit/text_report.h"
#include "fake_server.h"

namespace verbatim::audit {
namespace {

using server::contains;

constexpr std::int64_t kManyRequests = 1'000'000;

Server server_of(const FakeServer& fake) {
  Server server;
  server.url = fake.url();
  server.retries = {20, std::chrono::milliseconds(1), std::chrono::milliseconds(4)};
  return server;
}

AuditShape small_shape() {
  AuditShape shape;
  shape.prompt = "the probe of this test";
  shape.max_tokens = 12;
  shape.repeat = 24;
  shape.concurrency = {1, 4};
  return shape;
}

bool is_probe(const FakeAnswer& answer) {
  return answer.body.at("messages").at(0).at("content") == small_shape().prompt;
}

struct Audited {
  Results results;
  Findings findings;
  Judgement judgement;
  RunEnd end;
  std::string text;
};

Audited concluded(Results results, RunEnd end) {
  auto findings = analyse(results);
  CHECK(findings.ok(), "{}", findings.error().message);
  Judgement judgement = judge(*findings, {});
  std::string text = to_text(results, *findings, judgement);
  return {std::move(results), *std::move(findings), std::move(judgement), std::move(end), std::move(text)};
}

// Discovery, the run, and what the file would hold.
Audited audited(const FakeServer& fake, const AuditShape& shape, std::int64_t max_requests = kManyRequests) {
  Server server = server_of(fake);
  auto dialect = discover(server, shape);
  CHECK(dialect.ok(), "{}", dialect.error().message);
  Header header{server.url.text(), dialect->seed ? shape : greedy_only(shape), *dialect};
  auto plan = make_plan(header.shape);
  CHECK(plan.ok(), "{}", plan.error().message);
  std::string lines = to_line(header);
  auto sink = [&](const Record& record) {
    lines += to_line(record);
    return Status();
  };
  RunEnd end = run_plan(server, *dialect, *plan, std::vector<bool>(plan->size()), max_requests, sink);
  auto results = parse_results(lines);
  CHECK(results.ok(), "{}", results.error().message);
  return concluded(*std::move(results), end);
}

TEST(Audit, ADeterministicServerIsFoundSo) {
  FakeServer fake({});
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::deterministic) << audit.text;
  EXPECT_EQ(audit.findings.generating, 4);
  ASSERT_EQ(audit.findings.probes.size(), 2u);
  for (const ProbeFindings& probe : audit.findings.probes) {
    EXPECT_EQ(probe.records.size(), 24u);
    ASSERT_EQ(probe.distinct.size(), 1u);
    EXPECT_EQ(probe.distinct.front().bit_patterns, 1);
    EXPECT_TRUE(probe.tokens_known);
    EXPECT_EQ(probe.drift.size(), 12u);
  }
  EXPECT_EQ(audit.end.early, "");
  EXPECT_PRED2(contains, audit.text, "\nDETERMINISTIC\n");
}

// One of 500 answers, and only in a crowd of 8 or more, takes another way at its token 5.
TEST(Audit, OneDivergenceInFiveHundredIsFound) {
  AuditShape shape = small_shape();
  shape.repeat = 250;
  shape.temperatures = {0};
  shape.concurrency = {1, 8, 16};
  FakeOptions options;
  int chosen = 0;
  options.diverges = [&](const FakeAnswer& answer) {
    if (chosen == 0 && answer.nth > 300 && answer.running >= 8 && answer.next == 5 && is_probe(answer)) {
      chosen = answer.nth;
    }
    return answer.nth == chosen;
  };
  FakeServer fake(options);
  Audited audit = audited(fake, shape);
  EXPECT_EQ(audit.judgement.verdict, Verdict::different);
  EXPECT_EQ(audit.results.records.size(), 500u);
  const ProbeFindings& probe = audit.findings.probes.at(0);
  ASSERT_EQ(probe.distinct.size(), 2u);
  EXPECT_EQ(probe.distinct[0].members.size(), 249u);
  EXPECT_EQ(probe.distinct[1].members.size(), 1u);
  ASSERT_TRUE(probe.distinct[1].parting.has_value());
  const Parting& parting = *probe.distinct[1].parting;
  EXPECT_EQ(parting.at, 5u);
  EXPECT_TRUE(parting.in_tokens);
  EXPECT_EQ(parting.other, parting.common + "!");
  EXPECT_DOUBLE_EQ(parting.margin().value(), 0.5);
  for (const ConditionFindings& row : audit.findings.conditions) {
    EXPECT_TRUE(row.others == 0 || row.condition.concurrency >= 8);
  }
  EXPECT_PRED2(contains, audit.text, "parts at token 5");
}

TEST(Audit, DriftOfLogprobsAloneIsToldFromOtherAnswers) {
  FakeOptions options;
  options.drift = [](const FakeAnswer& answer) {
    return answer.running > 2 && answer.next == 7 ? 0x1p-30 : 0.0;
  };
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::different) << audit.text;
  EXPECT_PRED2(contains, audit.judgement.reasons.at(0), "V2");
  EXPECT_EQ(judge(audit.findings, {false, 2}).verdict, Verdict::deterministic);
  const ProbeFindings& probe = audit.findings.probes.at(0);
  EXPECT_EQ(probe.distinct.size(), 1u);
  for (std::size_t i = 0; i < probe.drift.size(); ++i) EXPECT_EQ(probe.drift[i].same_bits, i != 7) << i;
  EXPECT_NEAR(probe.drift[7].largest, 0x1p-30, 0x1p-50);
}

TEST(Audit, WithoutLogprobsTextsAreCompared) {
  FakeOptions options;
  options.logprobs = false;
  options.diverges = [](const FakeAnswer& answer) {
    return answer.running == 4 && answer.next == 3 && is_probe(answer);
  };
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::different);
  const ProbeFindings& probe = audit.findings.probes.at(0);
  EXPECT_FALSE(probe.tokens_known);
  ASSERT_EQ(probe.distinct.size(), 2u) << audit.text;
  EXPECT_EQ(probe.distinct[1].parting->at, 8u) << "the byte after ' a b c d'";
  EXPECT_PRED2(contains, audit.text, "logprobs are accepted, but none come");
}

TEST(Audit, RefusedParametersAreLeftOutAndNamed) {
  FakeOptions options;
  options.refuses = {"return_token_ids", "stream_options", "logprobs", "seed"};
  options.seeds = false;
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::deterministic) << audit.text;
  EXPECT_EQ(audit.findings.probes.size(), 1u) << "temperature 1 needs seeds";
  for (const char* name : {"token ids", "usage", "logprobs", "seed"}) {
    EXPECT_PRED2(contains, audit.text, fmt::format("lacks   {} is refused", name));
  }
}

TEST(Audit, SeedsWithoutEffectAreNoticed) {
  FakeOptions options;
  options.seeds = false;
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::deterministic) << audit.text;
  EXPECT_EQ(audit.findings.probes.size(), 1u);
  EXPECT_PRED2(contains, audit.text, "seed has no effect");
}

TEST(Audit, WholeAnswersAndCompletionsAreUnderstood) {
  FakeOptions options;
  options.refuses = {"stream"};
  options.chat = false;
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::deterministic) << audit.text;
  EXPECT_FALSE(audit.findings.streamed);
  EXPECT_EQ(audit.findings.in_flight, 4);
  EXPECT_EQ(audit.findings.probes.at(0).drift.size(), 12u);
  EXPECT_PRED2(contains, audit.text, "/v1/completions");
}

TEST(Audit, AServerThatAnswersOneAtATimeTellsNothing) {
  FakeOptions options;
  options.batch = false;
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::unknown) << audit.text;
  ASSERT_EQ(audit.judgement.reasons.size(), 2u) << "one for each temperature";
  for (const std::string& reason : audit.judgement.reasons) EXPECT_PRED2(contains, reason, "V7");
  EXPECT_EQ(audit.findings.generating, 1);
  EXPECT_EQ(judge(audit.findings, {true, 1}).verdict, Verdict::deterministic);
}

TEST(Audit, AProbeThatFailedIsNoWitness) {
  FakeServer fake({});
  Results results = audited(fake, small_shape()).results;
  std::size_t last = 0;
  for (std::size_t i = 0; i < results.records.size(); ++i)
    if (results.records[i].probe) last = i;
  for (Record& record : results.records) record.generating = 1;
  results.records[last].generating = 4;
  EXPECT_EQ(concluded(results, {}).findings.generating, 4);
  results.records[last].error_kind = "timeout";
  Audited audit = concluded(std::move(results), {});
  EXPECT_EQ(audit.findings.generating, 1);
  EXPECT_EQ(audit.judgement.verdict, Verdict::unknown) << audit.text;
}

TEST(Audit, NeighboursThatAreRefusedAreNoLoad) {
  FakeServer fake({});
  Results results = audited(fake, small_shape()).results;
  for (Record& record : results.records)
    if (!record.probe && record.condition.neighbours == Neighbours::hostile) record.error_kind = "http 400";
  Audited audit = concluded(std::move(results), {});
  EXPECT_EQ(audit.judgement.verdict, Verdict::unknown);
  ASSERT_EQ(audit.judgement.reasons.size(), 1u);
  EXPECT_PRED2(contains, audit.judgement.reasons[0], "V5: only 0 of 24 hostile neighbours were answered");
}

TEST(Audit, OverloadIsWaitedOut) {
  FakeOptions options;
  options.intercept = [](int nth, server::Responder& to) {
    if (nth % 4 == 1) to.respond({429, {{"Retry-After", "0.002"}}, "{}"});
    if (nth % 4 == 2) to.respond({503, {}, "{}"});
    return nth % 4 == 1 || nth % 4 == 2;
  };
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::deterministic) << audit.text;
  EXPECT_PRED2(contains, audit.text, "error http 429: 0 requests failed");
  EXPECT_PRED2(contains, audit.text, "error http 503: 0 requests failed");
}

TEST(Audit, TooManyErrorsAreNoVerdict) {
  FakeOptions options;
  int answered = 0;
  options.intercept = [&](int, server::Responder& to) {
    if (++answered <= 10 || answered % 4 != 0) return false;
    to.respond({400, {}, "no"});
    return true;
  };
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::unknown) << audit.text;
  EXPECT_PRED2(contains, audit.judgement.reasons.at(0), "V5");
}

TEST(Audit, AChangedFingerprintIsNamed) {
  FakeOptions options;
  options.fingerprint = [](int nth) { return nth > 60 ? "fp_new" : "fp_old"; };
  options.diverges = [](const FakeAnswer& answer) { return answer.nth > 60; };
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_EQ(audit.judgement.verdict, Verdict::unknown) << audit.text;
  EXPECT_PRED2(contains, audit.judgement.reasons.at(0), "V3");
  EXPECT_PRED2(contains, audit.text, "system_fingerprint CHANGED");
}

TEST(Audit, TheBoundOnRequestsHolds) {
  FakeServer fake({});
  AuditShape shape = small_shape();
  Audited audit = audited(fake, shape, 30);
  EXPECT_EQ(audit.judgement.verdict, Verdict::unknown);
  EXPECT_PRED2(contains, audit.end.early, "--max-requests");
  EXPECT_PRED2(contains, audit.judgement.reasons.at(0), "V4");
  EXPECT_EQ(audit.end.requests_sent, 30);
  EXPECT_LE(fake.posts(), 30 + 3) << "three were asked to find out what the server understands";
}

// The server goes away in the middle; the file is gone on with against one that took its place.
TEST(Audit, AnAuditGoesOnWhereItEnded) {
  auto path = std::filesystem::temp_directory_path() / fmt::format("verbatim-audit-{}.jsonl", ::getpid());
  std::filesystem::remove(path);
  AuditShape shape = small_shape();
  FakeOptions dying;
  dying.intercept = [](int nth, server::Responder& to) {
    if (nth <= 40) return false;
    to.begin_stream({200, {{"Content-Type", "text/event-stream"}}, ""});
    to.write("data: {\"choices\":[{\"delta\":{\"content\":\"ha\"}}]}\n\n");
    return true;  // and forgets it: the connection breaks
  };
  RunEnd first;
  {
    FakeServer fake(dying);
    Server server = server_of(fake);
    auto dialect = discover(server, shape);
    ASSERT_TRUE(dialect.ok()) << dialect.error().message;
    auto file = ResultsFile::create(path, {server.url.text(), shape, *dialect});
    ASSERT_TRUE(file.ok()) << file.error().message;
    auto plan = *make_plan(shape);
    first = run_plan(server, *dialect, plan, std::vector<bool>(plan.size()), kManyRequests,
                     [&](const Record& record) { return file->write(record); });
  }
  EXPECT_PRED2(contains, first.early, "the server is gone");
  {
    std::ofstream torn(path, std::ios::app);
    torn << R"({"index": 95, "kind": "pro)";
  }
  auto results = read_results(path);
  ASSERT_TRUE(results.ok()) << results.error().message;
  EXPECT_TRUE(results->cut_short);
  EXPECT_EQ(concluded(*results, first).judgement.verdict, Verdict::unknown);
  auto good = static_cast<std::size_t>(std::ranges::count_if(results->records, &Record::good));
  EXPECT_GE(good, 30u);

  FakeServer fake({});
  auto plan = *make_plan(shape);
  std::vector<bool> done(plan.size());
  for (const Record& record : results->records) done[record.index] = record.good();
  {
    auto file = ResultsFile::open(path, *results);
    ASSERT_TRUE(file.ok()) << file.error().message;
    RunEnd second = run_plan(server_of(fake), results->header.dialect, plan, done, kManyRequests,
                             [&](const Record& record) { return file->write(record); });
    EXPECT_EQ(second.early, "");
  }
  EXPECT_EQ(static_cast<std::size_t>(fake.posts()), plan.size() - good) << "what was there is not repeated";
  results = read_results(path);
  ASSERT_TRUE(results.ok()) << results.error().message;
  EXPECT_EQ(results->records.size(), plan.size());
  EXPECT_EQ(concluded(*results, {}).judgement.verdict, Verdict::deterministic);
  std::filesystem::remove(path);
}

TEST(Audit, AnInterruptionLeavesWhatWasAnswered) {
  FakeOptions options;
  options.intercept = [](int nth, server::Responder&) {
    if (nth == 40) std::raise(SIGINT);
    return false;
  };
  FakeServer fake(options);
  Audited audit = audited(fake, small_shape());
  EXPECT_TRUE(audit.end.interrupted);
  EXPECT_EQ(audit.judgement.verdict, Verdict::unknown);
  EXPECT_GT(audit.results.records.size(), 20u);
  EXPECT_LT(audit.results.records.size(), 60u);
}

TEST(Discover, AServerThatCannotBeAuditedIsNamed) {
  auto refusal = [](FakeOptions options) {
    FakeServer fake(std::move(options));
    auto dialect = discover(server_of(fake), small_shape());
    return dialect ? "accepted" : dialect.error().message;
  };
  FakeOptions closed;
  closed.intercept = [](int, server::Responder& to) {
    to.respond({401, {}, "who are you?"});
    return true;
  };
  EXPECT_PRED2(contains, refusal(closed), "answers 401: who are you?");
  FakeOptions impossible;
  impossible.refuses = {"temperature"};
  EXPECT_PRED2(contains, refusal(impossible), "Unknown parameter: 'temperature'");
  Server nobody;
  nobody.url = *client::parse_url("http://127.0.0.1:1");
  EXPECT_PRED2(contains, discover(nobody, small_shape()).error().message, "cannot be asked");
}

}  // namespace
}  // namespace verbatim::audit
