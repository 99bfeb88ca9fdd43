#include "signals.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
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

}  // namespace

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
