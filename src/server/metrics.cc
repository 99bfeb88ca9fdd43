#include "server/metrics.h"

#include <algorithm>
#include <iterator>

#include "server/json_text.h"

namespace verbatim::server {
namespace {

// vLLM's bounds (vllm/v1/metrics/loggers.py), so that its dashboards fit.
constexpr double kFirstToken[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,  0.25,  0.5,   0.75,
                                  1.0,   2.5,   5.0,  7.5,  10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0};
constexpr double kInterToken[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2,  0.3,  0.4, 0.5,
                                  0.75, 1.0,   2.5,  5.0,   7.5, 10.0, 20.0, 40.0, 80.0};
constexpr double kRequest[] = {0.3,  0.5,  0.8,  1.0,  1.5,   2.0,   2.5,   5.0,   10.0,   15.0,  20.0,
                               30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
constexpr double kTokens[] = {1,   2,    5,    10,   20,    50,    100,   200,
                              500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
constexpr double kChoices[] = {1, 2, 5, 10, 20};

// Label values: the same escapes as JSON strings, as far as names go.
std::string label(std::string_view model) { return "model_name=" + json_string(model); }

class Page {
 public:
  explicit Page(std::string_view model) : labels_(label(model)) {}

  void gauge(std::string_view name, std::string_view help, double value) {
    head(name, help, "gauge");
    line(name, "", value);
  }
  void counter(std::string_view name, std::string_view help, std::int64_t value) {
    head(name, help, "counter");
    line(name, "", value);
  }
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram) {
    head(name, help, "histogram");
    histogram.append(out_, fmt::format("verbatim:{}", name), labels_);
  }
  void head(std::string_view name, std::string_view help, std::string_view type) {
    fmt::format_to(std::back_inserter(out_), "# HELP verbatim:{0} {1}\n# TYPE verbatim:{0} {2}\n", name, help,
                   type);
  }
  template <class Value>
  void line(std::string_view name, std::string_view more_labels, Value value) {
    fmt::format_to(std::back_inserter(out_), "verbatim:{}{{{}{}}} {}\n", name, labels_, more_labels, value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string labels_, out_;
};

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void add_engine(Page& page, const EngineStats& engine) {
  page.gauge("num_requests_running", "Sequences that take part in steps.",
             static_cast<double>(engine.running));
  page.gauge("num_requests_waiting", "Sequences that wait for a place or for pages.",
             static_cast<double>(engine.waiting));
  // Cached pages that nobody uses can be had at any time: they are not in use.
  page.gauge("kv_cache_usage_perc", "Share of the KV pages that sequences use; 1 is all.",
             share(engine.pages - engine.pages_free - engine.pages_reclaimable, engine.pages));
  page.gauge("kv_cache_pages", "KV pages of 128 tokens.", static_cast<double>(engine.pages));
  page.gauge("kv_cache_pages_free", "KV pages that hold nothing.", static_cast<double>(engine.pages_free));
  page.gauge("kv_cache_pages_cached", "KV pages that the prefix index knows.",
             static_cast<double>(engine.pages_cached));
  page.counter("prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.",
               engine.schedule.prefix_query_tokens);
  page.counter("prefix_cache_hits_total", "Prompt tokens found in the prefix cache.",
               engine.schedule.prefix_hit_tokens);
  page.counter("prefix_cache_evictions_total", "KV pages that the prefix cache gave up.", engine.evictions);
  page.counter("num_preemptions_total", "Sequences that lost their pages and were computed again.",
               engine.schedule.preemptions);
  page.counter("recomputed_tokens_total", "Tokens computed again after preemptions.",
               engine.schedule.recomputed_tokens);
  page.counter("spec_decode_num_draft_tokens_total", "Predicted tokens that were tried.",
               engine.draft_tokens);
  page.counter("spec_decode_num_accepted_tokens_total", "Predicted tokens that came true.",
               engine.draft_accepted);
  page.counter("steps_total", "Batches computed.", engine.steps);
  page.counter("step_rows_total", "Tokens computed in all batches.", engine.rows);
  page.gauge("most_sequences_in_a_step", "Largest crowd so far that shared one batch.",
             static_cast<double>(engine.most_sequences));
  page.gauge("most_rows_in_a_step", "Largest batch so far, in tokens.",
             static_cast<double>(engine.most_rows));
}

}  // namespace

void Histogram::observe(double value) {
  auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin());
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

void Histogram::append(std::string& out, std::string_view name, std::string_view labels) const {
  auto write = std::back_inserter(out);
  std::int64_t total = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    std::string bound = i < bounds_.size() ? fmt::format("{}", bounds_[i]) : "+Inf";
    fmt::format_to(write, "{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound, total);
  }
  fmt::format_to(write, "{}_sum{{{}}} {}\n", name, labels, sum_.load(std::memory_order_relaxed));
  fmt::format_to(write, "{}_count{{{}}} {}\n", name, labels, total);
}

Metrics::Metrics()
    : time_to_first_token(kFirstToken),
      inter_token_latency(kInterToken),
      e2e_latency(kRequest),
      queue_time(kRequest),
      request_prompt_tokens(kTokens),
      request_generation_tokens(kTokens),
      request_max_tokens(kTokens),
      request_n(kChoices) {}

void Metrics::count_request(std::int64_t tokens, std::int64_t max_tokens, std::int64_t n) {
  prompt_tokens.fetch_add(tokens, std::memory_order_relaxed);
  request_prompt_tokens.observe(static_cast<double>(tokens));
  request_max_tokens.observe(static_cast<double>(max_tokens));
  request_n.observe(static_cast<double>(n));
}

std::string Metrics::text(const EngineStats& engine, std::string_view model) const {
  Page page(model);
  add_engine(page, engine);
  page.counter("prompt_tokens_total", "Prompt tokens taken in.", prompt_tokens.load());
  page.counter("generation_tokens_total", "Tokens drawn for answers.", generation_tokens.load());
  page.counter("requests_refused_total", "Requests refused because the queue was full.", refused.load());
  page.counter("requests_resumed_total", "Streams continued from a Last-Event-ID.", resumed.load());
  page.head("request_success_total", "Answers that ended, by how.", "counter");
  constexpr std::string_view kReasons[] = {"stop", "length", "abort", "error"};
  for (std::size_t i = 0; i < finished_.size(); ++i)
    page.line("request_success_total", fmt::format(",finished_reason=\"{}\"", kReasons[i]),
              finished_[i].load());
  page.histogram("time_to_first_token_seconds", "From arrival to the first token.", time_to_first_token);
  page.histogram("inter_token_latency_seconds", "Between two tokens of an answer.", inter_token_latency);
  page.histogram("e2e_request_latency_seconds", "From arrival to the end of an answer.", e2e_latency);
  page.histogram("request_queue_time_seconds", "From arrival until the engine took the request.", queue_time);
  page.histogram("request_prompt_tokens", "Prompt tokens of a request.", request_prompt_tokens);
  page.histogram("request_generation_tokens", "Tokens of an answer.", request_generation_tokens);
  page.histogram("request_params_max_tokens", "max_tokens of a request.", request_max_tokens);
  page.histogram("request_params_n", "n of a request.", request_n);
  return page.take();
}

}  // namespace verbatim::server
