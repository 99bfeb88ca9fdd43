// verbatim serve: an OpenAI-compatible server (docs/http-api.md) whose answers do not depend on its load.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/memory.h"
#include "command.h"
#include "conversation.h"
#include "server/api.h"
#include "server/api_error.h"
#include "server/http_server.h"
#include "signals.h"

namespace verbatim::app {
namespace {

struct ServeFlags {
  ModelFlags model;
  std::vector<std::string> names;
  std::string host = "127.0.0.1";
  int port = 8000, http_threads = 1;
  std::string tls_certificate, tls_key, access_log, receipt_key, api_key_file;
  std::vector<std::string> api_keys, cors_origins, allowed_hosts;
  bool open_metrics = false, share_prefix_cache = false;
  std::size_t max_connections = 4096;
  std::uint64_t max_body_bytes = server::HttpServerOptions().max_body_bytes;
  std::uint64_t max_total_body_bytes = server::HttpServerOptions().max_total_body_bytes;
  std::uint64_t max_total_answer_bytes = server::HttpServerOptions().answer_memory->bytes();
  std::int64_t max_step_tokens = 0, max_sequences = 64, max_queue = 1024;
  std::uint64_t kv_cache_bytes = 0;
  int drain_seconds = 30, keep_alive_seconds = 75;
  bool verbose = false;
};

// What the KV cache holds: as asked, or what all sequences at their longest need, within a quarter of the memory
// that is left; and at least one sequence of some length.
std::int64_t kv_pages(const ServeFlags& options, const LoadedModel& loaded) {
  KvShape shape = loaded.model->kv_shape();
  if (options.kv_cache_bytes > 0)
    return shape.pages_in(static_cast<std::int64_t>(
        std::min<std::uint64_t>(options.kv_cache_bytes, std::numeric_limits<std::int64_t>::max())));
  std::int64_t most = options.max_sequences * Scheduler::pages_needed(loaded.context);
  std::int64_t fit = shape.pages_in(available_memory() / 4);
  return std::max<std::int64_t>(std::min(most, fit), 16);
}

// As many as make the weights worth reading, and no more: who comes waits for the step that runs. Of weights that lie in
// caches, few rows are as fast as many.
std::int64_t step_tokens(const LoadedModel& loaded, std::int64_t max_sequences) {
  constexpr std::int64_t kLargeBytes = std::int64_t{512} << 20, kFew = 96, kMany = 512;
  std::int64_t bytes = 0;
  for (const TensorReport& tensor : loaded.tensors) bytes += tensor.bytes;
  return std::max(bytes < kLargeBytes ? kFew : kMany, max_sequences);
}

Result<std::unique_ptr<Engine>> make_engine(const ServeFlags& options, const LoadedModel& loaded) {
  EngineOptions engine;
  engine.schedule.max_step_tokens = options.max_step_tokens;
  engine.schedule.max_sequences = options.max_sequences;
  engine.schedule.max_logits_rows = std::max(options.max_sequences, engine.schedule.max_logits_rows);
  engine.kv_pages = kv_pages(options, loaded);
  if (engine.kv_pages < 1)
    return fail("--kv-cache-bytes {} holds no page of the cache; a page of {} tokens has {} bytes",
                options.kv_cache_bytes, kPageTokens, loaded.model->kv_shape().page_bytes());
  return Engine::create(*loaded.model, loaded.tokenizer.get(), engine);
}

server::HttpServerOptions http_options(const ServeFlags& options) {
  server::HttpServerOptions http;
  http.host = options.host;
  http.port = options.port;
  http.threads = options.http_threads;
  http.tls_certificate = options.tls_certificate;
  http.tls_key = options.tls_key;
  http.api_keys = options.api_keys;
  http.cors_origins = options.cors_origins;
  http.allowed_hosts = options.allowed_hosts;
  http.open_metrics = options.open_metrics;
  http.access_log = options.access_log;
  http.max_connections = options.max_connections;
  http.idle_timeout = std::chrono::seconds(options.keep_alive_seconds);
  http.max_body_bytes = options.max_body_bytes;
  http.max_total_body_bytes = options.max_total_body_bytes;
  http.answer_memory = std::make_shared<server::MemoryBudget>(options.max_total_answer_bytes);
  return http;
}

// Adds the keys of a file, one a line; empty lines and those that begin with # are none.
Status read_key_file(const std::string& path, std::vector<std::string>& keys) {
  std::ifstream file(path);
  const std::size_t before = keys.size();
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with('#')) keys.push_back(line);
  }
  if (!file.eof()) return fail("{}: cannot be read: {}", path, std::strerror(errno));
  if (keys.size() == before) return fail("{}: holds no API key: write one a line", path);
  return {};
}

void warn_of_open_keys(const ServeFlags& options) {
  for (const std::string& file : {options.tls_key, options.receipt_key, options.api_key_file}) {
    std::error_code absent;
    const auto status = std::filesystem::status(file, absent);
    if (std::filesystem::is_regular_file(status) &&
        (status.permissions() & std::filesystem::perms::others_read) != std::filesystem::perms::none)
      fmt::print(stderr, "verbatim: {}: every user may read this key; chmod 600 it\n", file);
  }
}

std::string url_of(const ServeFlags& options, int port) {
  if (options.host.starts_with("unix:")) return options.host;
  bool ipv6 = options.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", options.tls_certificate.empty() ? "http" : "https", ipv6 ? "[" : "",
                     options.host, ipv6 ? "]" : "", port);
}

std::string default_name(const std::string& path) {
  std::filesystem::path file(path);
  if (!file.has_filename()) file = file.parent_path();  // a folder with a slash at its end
  return file.extension() == ".gguf" ? file.stem().string() : file.filename().string();
}

Result<server::ServedModel> served_model(const ServeFlags& options, const LoadedModel& loaded) {
  server::ServedModel model;
  model.loaded = &loaded;
  model.names = options.names.empty() ? std::vector{default_name(options.model.model)} : options.names;
  model.context = loaded.context;
  model.created = std::time(nullptr);
  model.version = VERBATIM_VERSION;
  model.formats = std::make_shared<server::ResponseFormats>(*loaded.tokenizer);
  if (!options.receipt_key.empty()) {
    auto signer = ReceiptSigner::from_pem_file(options.receipt_key);
    if (!signer) return signer.error();
    model.signer = *std::move(signer);
  }
  auto conversation = conversation_template(loaded);
  if (!conversation) return conversation.error();
  model.chat = conversation->chat;
  model.chat_options = conversation->options;
  return model;
}

// Takes requests from the start, and refuses them until the model is there: so a port that is taken is told at once,
// and clients that come early know that they must wait.
class Door {
 public:
  server::HttpHandler handler() {
    return [this](server::HttpRequest request, std::shared_ptr<server::Responder> responder) {
      if (server::Api* api = api_) return api->handle(std::move(request), std::move(responder));
      responder->respond(server::error_response(
          {503, "the model is being loaded; try again in a moment", {}, "loading", {{"Retry-After", "2"}}}));
    };
  }
  // api: outlives the server's stop()
  void open(server::Api& api) { api_ = &api; }

 private:
  std::atomic<server::Api*> api_ = nullptr;
};

// stats: of the engine, of which the number of pages is shown
void announce(const ServeFlags& options, const server::ServedModel& model, const EngineStats& stats,
              int port) {
  const LoadedModel& loaded = *model.loaded;
  const std::int64_t cache = stats.pages * kPageTokens;
  fmt::print(
      "model        {}, served as {}\nfingerprint  {}\nbackend      {}, {} threads\n"
      "widths       activations {}, KV {} bits\nKV cache     {} tokens in {} pages, {} MiB\n"
      "context      {} tokens; at most {} sequences, {} tokens a step\n",
      loaded.checkpoint.path, fmt::join(model.names, ", "), loaded.fingerprint, loaded.backend->name(),
      loaded.backend->threads(), options.model.activations, options.model.kv, cache, stats.pages,
      stats.pages * loaded.model->kv_shape().page_bytes() >> 20, model.context, options.max_sequences,
      options.max_step_tokens);
  if (cache < model.context)
    fmt::print(
        "note         an answer that needs more than {} tokens with its prompt ends with an error; "
        "--kv-cache-bytes sets the cache\n",
        cache);
  fmt::print("listening    {}\n", url_of(options, port));
  std::fflush(stdout);
}

// Waits for SIGTERM or SIGINT. SIGHUP, where there is an access log in a file, opens it anew: logrotate has renamed it.
int wait_for_the_end(SignalQueue& signals, server::HttpServer& http) {
  int signal = signals.next();
  for (; signal == SIGHUP; signal = signals.next()) {
    Status status = http.reopen_access_log();
    if (!status) fmt::print(stderr, "verbatim: {}\n", status.error().message);
  }
  return signal;
}

// Runs until a signal; then new requests get 503 and those that run may finish. A second signal ends at once.
void serve_until_signal(const ServeFlags& options, SignalQueue& signals, server::EngineThread& engine,
                        server::HttpServer& http) {
  int signal = wait_for_the_end(signals, http);
  engine.drain();
  fmt::print(stderr, "verbatim: {}: finishing what runs, for at most {} s; again: at once\n",
             strsignal(signal), options.drain_seconds);
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(options.drain_seconds);
  if (!engine.wait_idle(deadline)) fmt::print(stderr, "verbatim: ending what did not finish\n");
  engine.stop();
  http.stop_accepting();
  // For those who still read an answer.
  const auto left = deadline - std::chrono::steady_clock::now();
  http.wait_until_idle(
      std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left), std::chrono::milliseconds(2000)));
  http.stop();
}

int serve(ServeFlags options) {
  warn_of_open_keys(options);
  if (!options.api_key_file.empty())
    if (Status read = read_key_file(options.api_key_file, options.api_keys); !read)
      return complain(read.error());
  Door door;
  const server::HttpServerOptions with = http_options(options);
  auto http = server::HttpServer::create(with, door.handler());
  if (!http) return complain(http.error());
  auto loaded = open_model(options.model);
  if (loaded == nullptr) return 1;
  if (options.max_step_tokens == 0) options.max_step_tokens = step_tokens(*loaded, options.max_sequences);
  auto engine = make_engine(options, *loaded);
  if (!engine) return complain(engine.error());
  auto model = served_model(options, *loaded);
  if (!model) return complain(model.error());

  SignalQueue signals = options.access_log.empty() || options.access_log == "-"
                            ? SignalQueue({SIGTERM, SIGINT})
                            : SignalQueue({SIGTERM, SIGINT, SIGHUP});
  server::EngineThread thread(*std::move(engine), {.max_queue = options.max_queue});
  server::ApiOptions api_options;
  api_options.share_prefix_cache = options.share_prefix_cache;
  api_options.answer_memory = with.answer_memory;
  if (options.verbose) api_options.log = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  server::Api api(*model, thread, std::move(api_options));
  door.open(api);
  announce(options, *model, thread.stats(), (*http)->port());
  serve_until_signal(options, signals, thread, **http);
  return 0;
}

void add_http_flags(CommandLine line, ServeFlags& options) {
  line.flag("--host", options.host, "Address to listen on; 0.0.0.0 is every interface");
  line.flag("--port", options.port, "Port; 0 is a free one").between(0, 65535);
  line.flag("--api-key", options.api_keys, "Key that clients must show; may be repeated");
  line.flag("--api-key-file", options.api_key_file,
            "File of keys, one a line: unlike flags, other users of the machine do not see them");
  line.flag("--tls-cert", options.tls_certificate, "PEM file of the certificate and its chain");
  line.flag("--tls-key", options.tls_key, "PEM file of the certificate's key");
  line.flag("--cors-origin", options.cors_origins,
            "Web page that may call from a browser; * is any; may be repeated");
  line.flag(
      "--allowed-host", options.allowed_hosts,
      "Name in Host, beside localhost, that a server on loopback may be asked by, such as a proxy's; may be "
      "repeated");
  line.boolean("--open-metrics", options.open_metrics,
               "Show /metrics without a key, as on loopback it always is");
  line.flag("--access-log", options.access_log,
            "File for a line a request; - is stderr. SIGHUP opens it anew");
  line.flag("--http-threads", options.http_threads, "Threads that serve connections").between(1, 64);
  line.flag("--max-connections", options.max_connections, "Connections at the same time").at_least(1);
  line.flag("--max-body-bytes", options.max_body_bytes, "Size of one request's body").bytes();
  line.flag("--max-total-body-bytes", options.max_total_body_bytes,
            "Memory for the bodies of all requests that are arriving; one that exceeds it is told 503")
      .bytes();
  line.flag("--max-total-answer-bytes", options.max_total_answer_bytes,
            "Memory for all answers that are being made and sent; one that exceeds it is told 503")
      .bytes();
  line.flag("--keep-alive-seconds", options.keep_alive_seconds,
            "How long a connection may stay without a request")
      .at_least(1);
  line.flag("--drain-seconds", options.drain_seconds, "How long running requests may go on after SIGTERM")
      .at_least(0);
}

void add_engine_flags(CommandLine line, ServeFlags& options) {
  line.flag("--max-num-seqs", options.max_sequences, "Sequences computed at the same time").between(1, 4096);
  line.flag("--max-step-tokens", options.max_step_tokens,
            "Tokens computed in one step; 0 is 96 for weights below 512 MiB, else 512")
      .between(0, 1 << 20);
  line.flag("--kv-cache-bytes", options.kv_cache_bytes,
            "Memory of the KV cache, such as 4GiB; 0 is what all sequences need, within a quarter of free "
            "memory")
      .bytes();
  line.boolean("--share-prefix-cache", options.share_prefix_cache,
               "Let prompts of one key reuse pages of another's: who has a key can then find out with what "
               "prompts begin");
  line.flag("--max-queue", options.max_queue, "Sequences that may wait; one more is told 429").at_least(1);
}

}  // namespace

void add_serve(CommandLine line) {
  auto options = std::make_shared<ServeFlags>();
  add_model_flags(line, options->model);
  add_chat_flags(line, options->model);
  line.flag("--served-model-name", options->names,
            "Name that requests give; may be repeated, the first is shown")
      .checked("NAME", [](const std::string& name) { return name.empty() ? "is empty" : ""; });
  line.flag("--receipt-key", options->receipt_key,
            "PEM file of the Ed25519 key that signs receipts (openssl genpkey -algorithm ed25519)");
  add_http_flags(line, *options);
  add_engine_flags(line, *options);
  line.boolean("-v,--verbose", options->verbose, "Print the parameters in effect of every request");
  line.footer(
      "Examples:\n"
      "  verbatim serve -m model.gguf\n"
      "  verbatim serve -m model.gguf --host 0.0.0.0 --port 443 --tls-cert cert.pem --tls-key key.pem "
      "--api-key KEY\n"
      "  curl localhost:8000/v1/completions -d '{\"prompt\": \"Once upon a time\"}' -H 'Content-Type: "
      "application/json'");
  line.run([options] { return serve(*options); });
}

}  // namespace verbatim::app
