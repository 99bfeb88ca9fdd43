#include "server/api.h"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <random>

#include "server/reply.h"
#include "server/utility.h"

namespace verbatim::server {

namespace {

// Short answers never lack memory, whatever others hold.
constexpr std::size_t kFreeAnswerBytes = std::size_t{16} << 10;

}  // namespace

// ---- the table of endpoints -----------------------------------------------------------------------

struct Routes {
  using Handler = void (*)(Api& api, const HttpRequest& request, const std::shared_ptr<Responder>& responder);
  struct Route {
    std::string_view method, path;
    bool prefix;     // `path` is the beginning of the request's
    bool on_worker;  // reads a body; else answered at once
    Handler handler;
  };

  template <Endpoint endpoint>
  static void generate(Api& api, const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    api.answer(request, endpoint, responder);
  }
  static void tokens(Api& api, const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    auto share = std::make_unique<MemoryShare>(api.options_.answer_memory, kFreeAnswerBytes);
    auto made = tokenize(request.body, api.model_, std::move(share), api.interrupt_for(*responder));
    if (!made) return responder->respond(error_response(made.error()));
    responder->respond_in_pieces(json_response({}), *std::move(made));
  }
  static void text(Api& api, const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    responder->respond(detokenize(request.body, api.model_));
  }
  template <HttpResponse (*make)(const ServedModel& model)>
  static void show(Api& api, const HttpRequest&, const std::shared_ptr<Responder>& responder) {
    responder->respond(make(api.model_));
  }
  static void model(Api& api, const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
    responder->respond(
        show_model(request.path.substr(request.path.find("/models/") + std::string_view("/models/").size()),
                   api.model_));
  }
  static void health(Api&, const HttpRequest&, const std::shared_ptr<Responder>& responder) {
    responder->respond(json_response(R"({"status":"ok"})"));
  }
  static void ready(Api& api, const HttpRequest&, const std::shared_ptr<Responder>& responder);
  static void metrics(Api& api, const HttpRequest&, const std::shared_ptr<Responder>& responder) {
    std::string text = api.metrics_.text(api.engine_.stats(), api.model_.names.front());
    responder->respond(
        {200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, std::move(text)});
  }

  static const Route* find(const HttpRequest& request);
  static HttpResponse refusal(const HttpRequest& request);
  static const Route kTable[];
};

const Routes::Route Routes::kTable[] = {
    {"POST", "/v1/chat/completions", false, true, generate<kChat>},
    {"POST", "/v1/completions", false, true, generate<kCompletions>},
    {"POST", "/v1/responses", false, true, generate<kResponses>},
    {"POST", "/v1/score", false, true, generate<kScore>},
    {"POST", "/tokenize", false, true, tokens},
    {"POST", "/detokenize", false, true, text},
    {"GET", "/tokenizer_info", false, false, show<show_tokenizer>},
    {"GET", "/v1/models", false, false, show<list_models>},
    {"GET", "/v1/models/", true, false, model},
    {"GET", "/version", false, false, show<show_version>},
    {"GET", "/health", false, false, health},
    {"GET", "/ready", false, false, ready},
    {"GET", "/metrics", false, false, metrics},
};

namespace {

ApiError going_down() {
  return {503,
          "the server is going down and takes no new requests; ask another",
          {},
          "shutting_down",
          {{"Retry-After", "10"}}};
}

ApiError queue_full(std::chrono::seconds retry_after) {
  std::string seconds = fmt::to_string(retry_after.count());
  return {
      429, fmt::format("the queue is full; try again in {} s", seconds), {}, {}, {{"Retry-After", seconds}}};
}

// Clients are given a base URL with /v1 or without: both lead here.
bool matches(const Routes::Route& route, const std::string& path) {
  constexpr std::string_view kVersion = "/v1";
  std::string_view known = route.path;
  if (known.starts_with(kVersion) && !path.starts_with(kVersion)) known.remove_prefix(kVersion.size());
  return route.prefix ? path.starts_with(known) && path.size() > known.size() : path == known;
}

bool is_json(const HttpRequest& request) {
  const std::string* type = request.header("Content-Type");
  if (type == nullptr) return false;  // so a page of another origin cannot send one without asking first
  std::string_view name = std::string_view(*type).substr(0, type->find(';'));
  while (name.ends_with(' ')) name.remove_suffix(1);
  std::string lower;
  for (char c : name) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return lower == "application/json" || lower.ends_with("+json");
}

std::string new_nonce() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

// Names of parameters for a header: what a client sent, made harmless.
std::string header_list(const std::vector<std::string>& names) {
  constexpr std::size_t kMostBytes = 1000;
  std::string list;
  for (const std::string& name : names) {
    if (list.size() + name.size() > kMostBytes) return list + ", ...";
    if (!list.empty()) list += ", ";
    for (char c : name) list += c > ' ' && c < 0x7F && c != ',' ? c : '?';
  }
  return list;
}

// Where the answer to a call begins: anew, or behind what the client has of it.
struct Beginning {
  std::string nonce = new_nonce();
  std::int64_t created = std::time(nullptr);
  std::int64_t first_event = 0;
};

Result<Beginning, ApiError> beginning_of(const HttpRequest& request, const Call& call) {
  constexpr std::string_view kHeader = "Last-Event-ID";
  const std::string* header = request.header(kHeader);
  if (header == nullptr || header->empty()) return Beginning();
  if (!call.show.stream)
    return refuse(kHeader, "Last-Event-ID continues a stream; set stream to true or leave the header out");
  auto id = parse_resume_id(*header);
  if (!id) return refuse(kHeader, "{}", id.error().message);
  if (id->digest != call.digest)
    return ApiError{409,
                    "Last-Event-ID is of another stream: the body, or the server's fingerprint or defaults, "
                    "are not those that it began with; send the same body to a server with the same "
                    "fingerprint, or leave the header out to start anew",
                    std::string(kHeader),
                    "resume_mismatch",
                    {}};
  return Beginning{id->nonce, id->created, id->event + 1};
}

// The engine's sentence begins with the name of the field that it is about.
ApiError error_of_check(const Error& error, Endpoint endpoint) {
  std::string_view text = error.message;
  std::string_view first = text.substr(0, text.find(' '));
  std::string_view prompt = endpoint == kChat ? "messages" : endpoint == kCompletions ? "prompt" : "input";
  bool about_prompt = first == "prompt" || first == "the";
  return refuse(about_prompt ? prompt : first, "{}", text);
}

}  // namespace

const Routes::Route* Routes::find(const HttpRequest& request) {
  const auto* found = std::ranges::find_if(kTable, [&](const Route& route) {
    return route.method == request.method && matches(route, request.path);
  });
  return found == std::end(kTable) ? nullptr : found;
}

HttpResponse Routes::refusal(const HttpRequest& request) {
  std::string allowed;
  for (const Route& route : kTable) {
    if (!matches(route, request.path)) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
  }
  if (allowed.empty())
    return error_response(
        {404, fmt::format("there is no {} here; see docs/http-api.md", request.path), {}, {}, {}});
  return error_response({405,
                         fmt::format("{} takes {}, not {}", request.path, allowed, request.method),
                         {},
                         {},
                         {{"Allow", allowed}}});
}

void Routes::ready(Api& api, const HttpRequest&, const std::shared_ptr<Responder>& responder) {
  if (api.engine_.draining()) return responder->respond(error_response(going_down()));
  responder->respond(json_response(R"({"status":"ready"})"));
}

// ---- the way of a request -------------------------------------------------------------------------

Api::Api(ServedModel model, EngineThread& engine, ApiOptions options)
    : model_(std::move(model)), engine_(engine), options_(std::move(options)), workers_(options_.workers) {}

Api::~Api() { engine_.stop(); }

void Api::handle(HttpRequest request, std::shared_ptr<Responder> responder) {
  const Routes::Route* route = Routes::find(request);
  if (route == nullptr) return responder->respond(Routes::refusal(request));
  if (!route->on_worker) return route->handler(*this, request, responder);
  if (const std::string* encoding = request.header("Content-Encoding");
      encoding != nullptr && !same_name(*encoding, "identity"))
    return responder->respond(
        error_response({415,
                        "the body is compressed; send it as it is, without Content-Encoding",
                        {},
                        {},
                        {{"Accept-Encoding", "identity"}}}));
  if (!is_json(request))
    return responder->respond(
        error_response({415, "the body must be JSON; send Content-Type: application/json", {}, {}, {}}));
  // Without keys nobody can be told from others, and all are one.
  const std::int64_t tenant = request.key ? static_cast<std::int64_t>(*request.key) : 0;
  workers_.post(tenant, [this, route, request = std::move(request), responder = std::move(responder)] {
    if (responder->gone()) return;
    if (engine_.draining()) return responder->respond(error_response(going_down()));
    try {
      route->handler(*this, request, responder);
    } catch (const std::exception& error) {
      // Costs this request: its responder answers 500 when nobody holds it any more.
      fmt::print(stderr, "verbatim: {}: {}\n", request.path, error.what());
    }
  });
}

// Whose share of the machine the call takes, and with whom it shares pages. A server without keys cannot tell who asks:
// there every call has a share of its own, and all share pages.
void Api::attribute(Call& call, const HttpRequest& request) {
  const std::int64_t number = ++calls_;
  const Owner owner{request.key ? static_cast<std::int64_t>(*request.key) : number, number};
  const std::string space =
      request.key && !options_.share_prefix_cache ? fmt::format("key {} ", *request.key) : "all ";
  for (GenerateRequest& asked : call.requests) {
    asked.owner = owner;
    asked.prefix_namespace = space + call.cache_salt;
  }
}

Interrupt Api::interrupt_for(const Responder& responder) const {
  return [this, &responder]() -> std::optional<ApiError> {
    if (engine_.draining()) return going_down();
    if (responder.gone()) return refuse("", "the client has gone");  // nobody reads it
    return {};
  };
}

void Api::answer(const HttpRequest& request, Endpoint endpoint, const std::shared_ptr<Responder>& responder) {
  Reply::Clock::time_point arrival = Reply::Clock::now();
  auto call = read_call(request.body, endpoint, model_, interrupt_for(*responder));
  if (!call) return responder->respond(error_response(call.error()));
  attribute(*call, request);
  for (const GenerateRequest& asked : call->requests)
    if (Status status = engine_.check(asked); !status.ok())
      return responder->respond(error_response(error_of_check(status.error(), endpoint)));
  for (const GenerateRequest& asked : call->requests)
    if (Status status = engine_.fits(asked); !status.ok())
      return responder->respond(error_response(too_large_for_this_machine(status.error().message)));
  auto beginning = beginning_of(request, *call);
  if (!beginning) return responder->respond(error_response(beginning.error()));

  auto share = std::make_shared<MemoryShare>(options_.answer_memory, kFreeAnswerBytes);
  if (!share->hold(certain_bytes(*call)))
    return responder->respond(error_response(no_memory_for_answer(options_.answer_memory->bytes())));

  AnswerContext context{*std::move(call), &model_, beginning->nonce, beginning->created, {}, {}, {}, share};
  std::string effective = effective_parameters(context.call);
  if (options_.log) options_.log(fmt::format("{} {}: {}", beginning->nonce, request.path, effective));
  context.headers = {{"X-Request-Id", beginning->nonce}, {"X-Verbatim-Effective-Parameters", effective}};
  if (!context.call.ignored.empty())
    context.headers.emplace_back("X-Verbatim-Ignored-Parameters", header_list(context.call.ignored));

  std::size_t requests = context.call.requests.size();
  auto reply = std::make_shared<Reply>(std::move(context), responder, beginning->first_event, engine_,
                                       metrics_, arrival);
  responder->on_gone([weak = std::weak_ptr(reply)] {
    if (auto waiting = weak.lock()) waiting->cancel();
  });
  switch (engine_.submit(reply, requests)) {
    case EngineThread::Admission::accepted:
      if (beginning->first_event > 0) metrics_.resumed.fetch_add(1, std::memory_order_relaxed);
      return;
    case EngineThread::Admission::shutting_down:
      return responder->respond(error_response(going_down()));
    case EngineThread::Admission::queue_full:
      metrics_.count_refusal();
      return responder->respond(error_response(queue_full(engine_.retry_after())));
  }
}

}  // namespace verbatim::server
