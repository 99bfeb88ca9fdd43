// verbatim audit, verbatim diff: does a server give one answer to one request, and do two give the same?
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "audit/compare.h"
#include "audit/diff_report.h"
#include "audit/html_report.h"
#include "audit/results_file.h"
#include "audit/run.h"
#include "audit/text_report.h"
#include "command.h"

namespace verbatim::app {
namespace {

using audit::Header;
using audit::Record;
using audit::Results;

constexpr const char* kKeyVariable = "OPENAI_API_KEY";
constexpr const char* kPrompt = "Once upon a time, in a village beside the sea, there lived an old woman who";

struct AuditFlags {
  std::string url, from, out = "results.jsonl", html;
  std::string endpoint = "auto", require = "bits", api_key_env = kKeyVariable;
  audit::Server server;
  audit::AuditShape shape;
  audit::Rules rules;
  TextFlags prompt;
  bool prompt_given = false;
  double timeout = 120;  // seconds
  std::int64_t max_requests = 2000;
  bool quiet = false;
};

struct DiffFlags {
  std::string a, b, require = "bits", html;
};

int cannot_tell(const Error& error) {
  complain(error);
  return static_cast<int>(audit::Verdict::unknown);
}

int conclude(const std::string& path, const AuditFlags& options) {
  auto results = audit::read_results(path);
  if (!results) return cannot_tell(results.error());
  auto findings = audit::analyse(*results);
  if (!findings) return cannot_tell(fail("{}: {}", path, findings.error().message));
  audit::Judgement judgement = audit::judge(*findings, options.rules);
  std::fputs(audit::to_text(*results, *findings, judgement).c_str(), stdout);
  if (!options.html.empty()) {
    Status written = report::write_page(options.html, audit::to_report(*results, *findings, judgement, path));
    if (!written) return cannot_tell(written.error());
  }
  return static_cast<int>(judgement.verdict);
}

// Empty: the variable that is looked at without being asked to is not set.
Result<std::string> key_from(const std::string& variable) {
  const char* key = std::getenv(variable.c_str());
  if (key == nullptr && variable == kKeyVariable) return std::string();
  if (key == nullptr) return fail("--api-key-env: the environment has no variable {}", variable);
  auto printable = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::ranges::all_of(std::string_view(key), printable)) {
    return fail("the environment variable {} holds white space or control characters, as no key does",
                variable);
  }
  return std::string(key);
}

// The server and shape as the flags have them.
Status complete(AuditFlags& options) {
  auto url = client::parse_url(options.url);
  if (!url) return url.error();
  options.server.url = *url;
  auto key = key_from(options.api_key_env);
  if (!key) return key.error();
  options.server.api_key = *std::move(key);
  if (options.endpoint != "auto") {
    options.server.endpoint =
        options.endpoint == "chat" ? client::Endpoint::chat : client::Endpoint::completions;
  }
  options.server.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * options.timeout));
  options.shape.prompt = kPrompt;
  if (options.prompt_given) {
    auto text = read_text(options.prompt);
    if (!text) return text.error();
    options.shape.prompt = *std::move(text);
  }
  auto plan = audit::make_plan(options.shape);
  if (!plan) return plan.error();
  if (static_cast<std::int64_t>(plan->size()) > options.max_requests) {
    return fail("the plan has {} requests, more than --max-requests {}: raise that, or lower --repeat",
                plan->size(), options.max_requests);
  }
  return {};
}

// What was done before, when the file is there; else the header of a new one.
Result<Results> begin(const AuditFlags& options) {
  if (std::filesystem::exists(options.out)) {
    auto results = audit::read_results(options.out);
    if (!results) return results;
    Status same = audit::check_resumable(*results, options.server, options.shape);
    if (!same) return fail("{} {}", options.out, same.error().message);
    return results;
  }
  auto dialect = audit::discover(options.server, options.shape);
  if (!dialect) return dialect.error();
  Results results;
  results.header = {options.server.url.text(), options.shape, *dialect};
  if (!dialect->seed) results.header.shape = audit::greedy_only(options.shape);
  if (results.header.shape.temperatures.empty()) {
    return fail(
        "the server's seeds do not work, and every temperature is above 0: nothing could be compared");
  }
  return results;
}

void show_progress(std::size_t done, std::size_t all, const Record& record) {
  std::fprintf(stderr, "\r%zu of %zu requests, concurrency %lld  %s", done, all,
               static_cast<long long>(record.condition.concurrency), done == all ? "\r\033[K" : "");
}

int audit_server(AuditFlags options) {
  if (Status status = complete(options); !status) return cannot_tell(status.error());
  auto results = begin(options);
  if (!results) return cannot_tell(results.error());
  auto plan = audit::make_plan(results->header.shape);
  if (!plan) return cannot_tell(plan.error());
  auto file = results->whole_bytes > 0 ? audit::ResultsFile::open(options.out, *results)
                                       : audit::ResultsFile::create(options.out, results->header);
  if (!file) return cannot_tell(file.error());

  std::vector<bool> done(plan->size());
  for (const Record& record : results->records) {
    if (record.index < done.size() && record.good()) done[record.index] = true;
  }
  auto count = static_cast<std::size_t>(std::ranges::count(done, true));
  if (!options.quiet) {
    std::fputs(
        audit::announce(results->header, static_cast<std::int64_t>(count), options.max_requests).c_str(),
        stderr);
    std::fprintf(stderr, "results %s\n", options.out.c_str());
  }
  if (count == plan->size())
    std::fprintf(stderr,
                 "verbatim: %s holds every answer already, so nobody is asked; --out names another file\n",
                 options.out.c_str());
  bool show = !options.quiet && isatty(STDERR_FILENO) == 1;
  auto sink = [&](const Record& record) {
    if (show) show_progress(++count, plan->size(), record);
    return file->write(record);
  };
  // An interruption ends the run, and no second one (timeout(1) sends two) takes the report away.
  boost::asio::io_context nobody;
  boost::asio::signal_set until_reported(nobody, SIGINT, SIGTERM);
  audit::RunEnd end =
      audit::run_plan(options.server, results->header.dialect, *plan, done, options.max_requests, sink);
  if (!end.early.empty()) std::fprintf(stderr, "verbatim: ended early: %s\n", end.early.c_str());
  return conclude(options.out, options);
}

int run(const AuditFlags& options) {
  if (options.url.empty() == options.from.empty()) {
    return cannot_tell(fail("name a server's URL, or with --from a results file, one of the two"));
  }
  return options.from.empty() ? audit_server(options) : conclude(options.from, options);
}

int diff(const DiffFlags& options) {
  auto a = audit::read_results(options.a);
  if (!a) return cannot_tell(a.error());
  auto b = audit::read_results(options.b);
  if (!b) return cannot_tell(b.error());
  audit::Rules rules;
  rules.require_bits = options.require == "bits";
  audit::Comparison comparison = audit::compare(*a, *b);
  audit::Judgement judgement = audit::judge(comparison, rules);
  std::fputs(audit::to_text(comparison, judgement, *a, *b).c_str(), stdout);
  if (!options.html.empty()) {
    Status written = report::write_page(
        options.html, audit::to_report(comparison, judgement, {options.a, *a}, {options.b, *b}));
    if (!written) return cannot_tell(written.error());
  }
  return static_cast<int>(judgement.verdict);
}

void add_require(CommandLine line, std::string& require) {
  line.flag("--require", require,
            "What must be the same: bits (log-probabilities too, where there are any) or tokens")
      .one_of({"bits", "tokens"});
}

}  // namespace

void add_audit(CommandLine line) {
  auto options = std::make_shared<AuditFlags>();
  audit::AuditShape& shape = options->shape;
  line.argument("url", options->url, "Server, such as http://127.0.0.1:8000 or https://host/api/v1");
  line.argument("--from", options->from, "Ask nobody: report what this results file says");
  line.flag("-o,--out", options->out, "Results file. One that is there is gone on with");
  line.flag("--html", options->html, "File for a page that shows the answers side by side");
  line.flag("-N,--repeat", shape.repeat, "How often the request is sent at each temperature")
      .between(2, 1'000'000);
  line.flag("--concurrency", shape.concurrency, "Requests at a time, one part of the audit each")
      .comma_separated()
      .one_word()
      .between(1, 4096);
  line.flag("--temperature", shape.temperatures, "Temperatures; those above 0 where the server's seeds work")
      .comma_separated()
      .one_word();
  line.flag("--seed", shape.seed, "Of every request, and of the neighbours' prompts");
  const Flag prompt = line.flag("-p,--prompt", options->prompt.text, "The request that is repeated");
  const Flag prompt_file =
      line.flag("-f,--prompt-file", options->prompt.file, "File that holds it; - is standard input");
  line.flag("-n,--max-tokens", shape.max_tokens, "Of every answer, at most").between(1, 1 << 20);
  line.flag("--max-requests", options->max_requests, "Bound on what is sent, with what is tried again")
      .between(1, 1'000'000'000);
  line.flag("--endpoint", options->endpoint, "API to call; auto is chat where that answers")
      .one_of({"auto", "chat", "completions"});
  line.flag("--served-model-name", options->server.model,
            "Model to ask for; the default is the first that the server lists");
  line.flag("--api-key-env", options->api_key_env, "Environment variable that holds the API key");
  line.flag("--timeout", options->timeout, "Seconds that one answer may take").between(0.001, 1e6);
  line.flag("--need-overlap", options->rules.need_overlap,
            "Answers that must have come at a time, or the verdict is: could not tell")
      .positive();
  add_require(line, options->require);
  line.boolean("-q,--quiet", options->quiet, "No plan and no progress on stderr");
  line.footer(
      "Exit code 0: every request had one answer; 1: some had several; 2: could not tell, the report says "
      "why.\n"
      "An audit that was interrupted goes on when the same command is given again.\n"
      "Examples:\n"
      "  verbatim audit http://127.0.0.1:8000\n"
      "  verbatim audit https://api.example.com/v1 --served-model-name NAME -N 50 --concurrency 1,8\n"
      "  verbatim audit --from results.jsonl --require tokens");
  line.run([options, prompt, prompt_file] {
    options->rules.require_bits = options->require == "bits";
    options->prompt_given = prompt.given() || prompt_file.given();
    return run(*options);
  });
}

void add_diff(CommandLine line) {
  auto options = std::make_shared<DiffFlags>();
  line.argument("a", options->a, "Results file of verbatim audit").required();
  line.argument("b", options->b, "Another, made with the same prompt and flags").required();
  add_require(line, options->require);
  line.flag("--html", options->html, "File for a page that shows different answers side by side");
  line.footer(
      "Exit code 0: every request that both hold has one answer; 1: some have several; 2: could not tell.\n"
      "Example:\n"
      "  verbatim diff monday.jsonl tuesday.jsonl");
  line.run([options] { return diff(*options); });
}

}  // namespace verbatim::app
