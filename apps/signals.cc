#include "signals.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <tuple>

#include "base/check.h"

namespace verbatim::app {
namespace {

constexpr int kEnding[] = {SIGHUP, SIGINT, SIGTERM};

// A handler is given nothing: what it writes to cannot but be global.
int queue_input = -1;
std::atomic<bool> end_announced = false, interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_NODEFER;
  ::sigaction(number, &action, nullptr);
}

void end(int number) {
  std::signal(number, SIG_DFL);
  std::raise(number);
  ::_exit(128 + number);  // pid 1 is still here
}

void enqueue(int number) {
  const int error = errno;
  if (number != SIGHUP && end_announced.exchange(true)) end(number);
  std::ignore = ::write(queue_input, &number, sizeof number);
  errno = error;
}

void say(std::string_view text) { std::ignore = ::write(STDERR_FILENO, text.data(), text.size()); }

// A line of /proc/self/maps: "7f00-7f80 r--p 00000000 fe:01 1234    /path".
struct Mapping {
  std::uintptr_t begin = 0, end = 0;
  std::string_view path;
};
Mapping read_mapping(std::string_view line) {
  Mapping mapping;
  const char* const last = line.data() + line.size();
  const auto begin = std::from_chars(line.data(), last, mapping.begin, 16);
  if (begin.ptr != last) std::from_chars(begin.ptr + 1, last, mapping.end, 16);
  if (const auto path = line.find('/'); path != line.npos) mapping.path = line.substr(path);
  return mapping;
}

// Only what a handler may call (signal-safety(7)), and nothing that allocates.
void end_on_bus_error(int, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  say("verbatim: ");
  static char text[8192];
  std::size_t size = 0;
  bool found = false;
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  for (ssize_t n; !found && (n = ::read(maps, text + size, sizeof text - size)) > 0;) {
    size += static_cast<std::size_t>(n);
    std::string_view rest(text, size);
    for (std::size_t end; !found && (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
      const Mapping mapping = read_mapping(rest.substr(0, end));
      found = mapping.begin <= at && at < mapping.end;
      if (found) say(mapping.path);
    }
    size = rest.size();
    std::memmove(text, rest.data(), size);
  }
  if (!found) say("a mapped file");
  say(": became shorter while it was read, or cannot be read; start again when it is whole\n");
  ::_exit(1);
}

}  // namespace

void explain_bus_errors() {
  struct sigaction action {};
  action.sa_sigaction = end_on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

void end_on_signals() {
  for (int number : kEnding) {
    struct sigaction present {};
    ::sigaction(number, nullptr, &present);
    if (present.sa_handler != SIG_IGN) handle(number, end);
  }
}

SignalQueue::SignalQueue(std::initializer_list<int> numbers) {
  CHECK(::pipe2(ends_, O_CLOEXEC) == 0, "there is no pipe");
  queue_input = ends_[1];
  end_announced = false;
  for (int number : numbers) handle(number, enqueue);
}

SignalQueue::~SignalQueue() {
  end_on_signals();
  for (int end_of_pipe : ends_) ::close(end_of_pipe);
}

int SignalQueue::next() {
  // poll waits: the thread sanitizer holds signals back from a thread that is blocked in read.
  pollfd ready{ends_[0], POLLIN, 0};
  while (::poll(&ready, 1, -1) < 0) {
  }
  int number = 0;
  while (::read(ends_[0], &number, sizeof number) < 0) {
  }
  return number;
}

Interruption::Interruption() {
  interrupted = false;
  handle(SIGINT, [](int) { interrupted = true; });
}

Interruption::~Interruption() { end_on_signals(); }

bool Interruption::came() const { return interrupted; }

}  // namespace verbatim::app
