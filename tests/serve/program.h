// A `verbatim serve` as its user runs it: a process with flags, an environment, signals, and what it prints.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "server/http_client.h"

extern char** environ;

namespace verbatim {

class Serve {
 public:
  // flags: come after those of every test. environment: "NAME=value", in addition to the test's own.
  explicit Serve(std::vector<std::string> flags, std::vector<std::string> environment = {}) {
    std::vector<std::string> words = {VERBATIM_PROGRAM, "serve", "--threads", "2", "--no-cache"};
    words.insert(words.end(), flags.begin(), flags.end());
    environment.emplace_back("VERBATIM_PORT=0");  // where no flag says another
    for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
    int ends[2];
    CHECK(::pipe2(ends, O_CLOEXEC) == 0, "there is no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    int failure = ::posix_spawn(&pid_, VERBATIM_PROGRAM, &actions, nullptr, pointers(words).data(),
                                pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    CHECK(failure == 0, "{} cannot be started", VERBATIM_PROGRAM);
  }
  Serve(const Serve&) = delete;
  Serve& operator=(const Serve&) = delete;
  ~Serve() {
    if (pid_ > 0) {
      signal(SIGKILL);
      wait();
    }
    ::close(output_);
  }

  // Reads on until the output matches.
  testing::AssertionResult prints(const std::string& pattern) {
    std::regex wanted(pattern);
    while (!std::regex_search(text_, wanted))
      if (!read()) return testing::AssertionFailure() << "'" << pattern << "' is not in:\n" << text_;
    return testing::AssertionSuccess();
  }
  // The port that it says it listens on.
  int port() {
    EXPECT_TRUE(prints("listening +https?://\\S+:[0-9]+\n"));
    std::smatch found;
    return std::regex_search(text_, found, std::regex("listening .*:([0-9]+)\n")) ? std::stoi(found[1]) : 0;
  }
  const std::string& text() const { return text_; }  // as far as it was read

  void signal(int number) { ::kill(pid_, number); }
  // Reads to the end of the output. The exit code, or minus the number of the signal that ended it.
  int wait() {
    while (read()) {
    }
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  // Ends with nullptr.
  static std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
  }
  bool read() {
    pollfd ready{output_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(server::kPatience.tv_sec) * 1000) != 1) {
      ADD_FAILURE() << "it neither printed nor ended; so far:\n" << text_;
      signal(SIGKILL);
    }
    char buffer[4096];
    ssize_t bytes = ::read(output_, buffer, sizeof buffer);
    if (bytes > 0) text_.append(buffer, static_cast<std::size_t>(bytes));
    return bytes > 0;
  }

  pid_t pid_ = 0;
  int output_ = -1;  // stdout and stderr
  std::string text_;
};

}  // namespace verbatim
