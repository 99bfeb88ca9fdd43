// Signals that end the program, or that a command takes for itself.
//
// The first process of a container (pid 1) has no default actions: the kernel ignores every signal that it has no
// handler for (pid_namespaces(7)). So each command runs with handlers from its first line on.
#pragma once

#include <atomic>
#include <initializer_list>

namespace verbatim::app {

// SIGHUP, SIGINT and SIGTERM end the process from now on, as their default action would, also as pid 1 (there with exit
// code 128 + number). A signal that whoever started us wants ignored (nohup) stays so.
void end_on_signals();

// A mapped file that becomes shorter while it is read ends the process: with a sentence that names it, and exit code 1.
void explain_bus_errors();

// Hands signals to the thread that waits for them, whichever thread of the process they reach. Where one of SIGINT and
// SIGTERM was handed over, another ends the process at once. At most one queue at a time.
class SignalQueue {
 public:
  explicit SignalQueue(std::initializer_list<int> numbers);
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;
  ~SignalQueue();  // end_on_signals()

  int next();  // waits

 private:
  int ends_[2];
};

// While it lives SIGINT ends nothing and is remembered. At most one at a time.
class Interruption {
 public:
  Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption();  // end_on_signals()

  bool came() const;
};

}  // namespace verbatim::app
