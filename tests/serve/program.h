// The program as its user runs it: a process with flags, an environment, signals, and what it prints.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "server/http_client.h"

extern char** environ;

namespace verbatim {

class Program {
 public:
  // words: the first is looked for in PATH. environment: "NAME=value", in addition to the test's own.
  explicit Program(std::vector<std::string> words, std::vector<std::string> environment = {}) {
    for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
    int input[2];
    CHECK(::pipe2(input, O_CLOEXEC) == 0, "there is no pipe");
    int ends[2];
    CHECK(::pipe2(ends, O_CLOEXEC) == 0, "there is no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    int failure = ::posix_spawnp(&pid_, words.front().c_str(), &actions, nullptr, pointers(words).data(),
                                 pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    ::close(input[0]);
    output_ = ends[0];
    input_ = input[1];
    CHECK(failure == 0, "{} cannot be started", words.front());
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (pid_ > 0) {
      signal(SIGKILL);
      wait();
    }
    ::close(output_);
  }

  // To its standard input, which ends when wait() is called.
  void write(std::string_view text) {
    EXPECT_EQ(::write(input_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // Reads on until the output matches.
  testing::AssertionResult prints(const std::string& pattern) {
    std::regex wanted(pattern);
    while (!std::regex_search(text_, wanted))
      if (!read()) return testing::AssertionFailure() << "'" << pattern << "' is not in:\n" << text_;
    return testing::AssertionSuccess();
  }
  const std::string& text() const { return text_; }  // as far as it was read

  pid_t pid() const { return pid_; }
  void signal(int number) { ::kill(pid_, number); }
  // Reads to the end of the output. The exit code, or minus the number of the signal that ended it.
  int wait() {
    if (input_ >= 0) ::close(std::exchange(input_, -1));
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
  int input_ = -1;
  std::string text_;
};

class Serve : public Program {
 public:
  // flags: come after those of every test. The port is a free one where neither they nor the environment say it.
  explicit Serve(std::vector<std::string> flags, std::vector<std::string> environment = {})
      : Program(words(std::move(flags), environment), environment) {}

  // The port that it says it listens on.
  int port() {
    EXPECT_TRUE(prints("listening +https?://\\S+:[0-9]+\n"));
    std::smatch found;
    return std::regex_search(text(), found, std::regex("listening .*:([0-9]+)\n")) ? std::stoi(found[1]) : 0;
  }

 private:
  static std::vector<std::string> words(std::vector<std::string> flags,
                                        const std::vector<std::string>& environment) {
    auto says_port = [](const std::string& word) {
      return word == "--port" || word.starts_with("VERBATIM_PORT=");
    };
    if (std::ranges::none_of(flags, says_port) && std::ranges::none_of(environment, says_port))
      flags.insert(flags.begin(), {"--port", "0"});
    flags.insert(flags.begin(), {VERBATIM_PROGRAM, "serve", "--threads", "2", "--no-cache"});
    return flags;
  }
};

}  // namespace verbatim
