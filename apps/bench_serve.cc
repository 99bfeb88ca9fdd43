// verbatim bench serve: load on a server that speaks the OpenAI API, ours or another's, and what its clients saw.
#include <sys/resource.h>

#include <cstdio>

#include "client/load_report.h"
#include "command.h"
#include "json/library.h"

namespace verbatim::app {
namespace {

struct LoadFlags {
  std::string url, endpoint = "completions";
  client::LoadTarget target;
  client::LoadShape shape;
  bool json = false;
};

// A connection for each request that runs.
void allow_many_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int bench_serve(const LoadFlags& options) {
  client::LoadTarget target = options.target;
  auto url = client::parse_url(options.url);
  if (!url) return complain(url.error());
  target.url = *url;
  target.endpoint = options.endpoint == "chat" ? client::Endpoint::chat : client::Endpoint::completions;
  target.seed = options.shape.seed;
  allow_many_files();
  auto result = client::run_load(target, client::plan_load(options.shape));
  if (!result) return complain(result.error());

  client::LoadReport report = client::report_of(*result);
  if (options.json) {
    nlohmann::json json = client::to_json(report);
    json["model"] = result->model;
    json["num_prompts"] = options.shape.prompts;
    json["request_rate"] = options.shape.request_rate;
    json["max_concurrency"] = target.max_concurrency;
    json["repeat_one"] = options.shape.repeat_one;
    json["seed"] = options.shape.seed;
    std::puts(json.dump(2).c_str());
  } else {
    std::fputs(client::to_text(report).c_str(), stdout);
    if (options.shape.repeat_one) {
      fmt::print("{} answers to one request, {} distinct\n", report.completed, report.distinct_answers);
    }
  }
  for (const std::string& error : report.errors) std::fprintf(stderr, "verbatim: %s\n", error.c_str());
  return report.failed == 0 ? 0 : 1;
}

}  // namespace

void add_bench_serve(CommandLine line) {
  auto options = std::make_shared<LoadFlags>();
  client::LoadTarget& target = options->target;
  client::LoadShape& shape = options->shape;
  line.argument("url", options->url, "Server, such as http://127.0.0.1:8000").required();
  line.flag("--endpoint", options->endpoint, "API to call").one_of({"completions", "chat"});
  line.flag("--num-prompts", shape.prompts, "Requests to send").between(1, 1'000'000);
  line.flag("--request-rate", shape.request_rate, "Requests a second, Poisson arrivals; 0 sends all at once")
      .at_least(0);
  line.flag("--max-concurrency", target.max_concurrency,
            "Requests at a time; 0 is all that have come, 20,000 at most")
      .between(0, 20'000);
  line.flag("--input-len", shape.input_words,
            "Words of each prompt, about a token each; 0 is a ShareGPT-like mix")
      .between(0, 1 << 20);
  line.flag("--output-len", shape.output_tokens, "Tokens asked for; 0 is a ShareGPT-like mix")
      .between(0, 1 << 20);
  line.boolean("--repeat-one", shape.repeat_one,
               "Send the first request again and again, and count distinct answers");
  line.boolean("--ignore-eos", target.ignore_eos,
               "Ask for answers of full length (not every server knows how)");
  line.flag("--temperature", target.temperature, "Of every request").not_negative();
  line.flag("--seed", shape.seed, "Of lengths, words and arrivals, and of every request");
  line.flag("--served-model-name", target.model,
            "Model to ask for; the default is the first that the server lists");
  line.flag("--api-key", target.api_key, "Sent as Authorization: Bearer");
  line.boolean("--json", options->json, "The same as JSON");
  line.footer(
      "Without a limit --request-rate is an open loop: requests come when they come, however slow the "
      "server.\n"
      "--max-concurrency N alone is a closed loop of N clients. Exit code 1: some request failed.\n"
      "Examples:\n"
      "  verbatim bench serve http://127.0.0.1:8000 --num-prompts 200 --request-rate 4\n"
      "  verbatim bench serve http://127.0.0.1:8000 --max-concurrency 32 --input-len 256 --output-len 64\n"
      "  verbatim bench serve http://127.0.0.1:8000 --repeat-one --num-prompts 100 --temperature 1");
  line.run([options] { return bench_serve(*options); });
}

}  // namespace verbatim::app
