// The transport alone: what a streaming client costs in memory, and a message to it in time of the I/O thread.
//
// Server and clients are one process on loopback; a client is a socket that an epoll loop empties. A message is
// 200 bytes, about an event of a chat stream; each iteration writes one to every stream and waits until all have
// arrived.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <string>
#include <thread>
#include <vector>

#include "server/http_server.h"
#include "server/response_head.h"

namespace verbatim::server {
namespace {

const HttpResponse kEvents{200, {{"Content-Type", "text/event-stream"}}, ""};

double heap_kib() {
  auto info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1024;
}

// Opens connections and reads everything that comes on a thread of its own.
class Readers {
 public:
  Readers(int port, int count) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (int i = 0; i < count; ++i) {
      int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      CHECK(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "no connection");
      CHECK(::send(fd, kRequest.data(), kRequest.size(), 0) > 0, "no request");
      epoll_event event{EPOLLIN, {.fd = fd}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      fds_.push_back(fd);
    }
    thread_ = std::thread([this] { run(); });
  }
  ~Readers() {
    for (int fd : fds_) ::shutdown(fd, SHUT_RDWR);
    thread_.join();
    for (int fd : fds_) ::close(fd);
    ::close(epoll_);
  }

  void wait_for(std::int64_t bytes) {
    for (std::int64_t seen = received_; seen < bytes; seen = received_) received_.wait(seen);
  }

 private:
  void run() {
    std::array<epoll_event, 256> events{};
    std::array<char, 65536> buffer{};
    for (std::size_t open = fds_.size(); open > 0;) {
      int ready = ::epoll_wait(epoll_, events.data(), events.size(), -1);
      std::int64_t sum = 0;
      for (int i = 0; i < ready; ++i) {
        ssize_t n = ::recv(events[i].data.fd, buffer.data(), buffer.size(), 0);
        if (n > 0) sum += n;
        if (n > 0) continue;
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, events[i].data.fd, nullptr);
        --open;
      }
      received_ += sum;
      received_.notify_all();
    }
  }

  int epoll_;
  std::vector<int> fds_;
  std::atomic<std::int64_t> received_{0};
  std::thread thread_;
};

// Seconds of processor time of the server's I/O thread, which handles requests.
double io_seconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void StreamMessages(benchmark::State& state) {
  auto count = static_cast<int>(state.range(0));
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<std::shared_ptr<Responder>> streams;
  clockid_t clock{};
  HttpServerOptions options;
  options.port = 0;
  auto server = HttpServer::create(options, [&](HttpRequest, std::shared_ptr<Responder> responder) {
    responder->begin_stream(kEvents);
    std::lock_guard lock(mutex);
    ::pthread_getcpuclockid(::pthread_self(), &clock);
    streams.push_back(std::move(responder));
    if (streams.size() == static_cast<std::size_t>(count)) arrived.notify_all();
  });
  CHECK(server.ok(), "{}", server.error().message);
  double before = heap_kib();
  Readers readers((*server)->port(), count);
  {
    std::unique_lock lock(mutex);
    arrived.wait(lock, [&] { return streams.size() == static_cast<std::size_t>(count); });
  }
  const std::string message(200, 'x');
  const std::int64_t chunk = 200 + 4 + 2;  // "c8\r\n" and "\r\n"
  std::int64_t expected = static_cast<std::int64_t>(response_head(kEvents, std::nullopt, {}).size()) * count;
  readers.wait_for(expected);
  double clients_kib = heap_kib() - before;

  double io_before = io_seconds(clock);
  for (auto _ : state) {
    for (const auto& stream : streams) stream->write(message);
    readers.wait_for(expected += chunk * count);
  }
  double messages = static_cast<double>(state.iterations()) * count;
  state.SetItemsProcessed(static_cast<std::int64_t>(messages));
  state.counters["io_us_per_message"] = 1e6 * (io_seconds(clock) - io_before) / messages;
  state.counters["heap_KiB_per_client"] = clients_kib / count;
  for (const auto& stream : streams) stream->end();
}
BENCHMARK(StreamMessages)->Arg(1)->Arg(100)->Arg(1000)->UseRealTime();

}  // namespace
}  // namespace verbatim::server
