// Signals, as a shell, logrotate and the init of a container send them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "load/random_model.h"
#include "program.h"

namespace verbatim {
namespace {

namespace fs = std::filesystem;
using server::Client;

// A file that is no longer there when the test ends.
struct ScratchFile {
  std::string path;
  explicit ScratchFile(const char* name)
      : path(fs::temp_directory_path() / (std::to_string(::getpid()) + name)) {}
  ~ScratchFile() { fs::remove(path); }
};

// The program as the first process of a container: with a name space of process ids of its own.
class FirstProcess {
 public:
  explicit FirstProcess(std::vector<std::string> words) : unshare_(in_name_space(std::move(words))) {}

  Program& program() { return unshare_; }
  // Once the program printed something.
  void signal(int number) { ::kill(pid(), number); }

  static bool possible() { return Program(in_name_space({"true"})).wait() == 0; }

 private:
  static std::vector<std::string> in_name_space(std::vector<std::string> words) {
    words.insert(words.begin(), {"unshare", "--pid", "--fork", "--kill-child"});
    return words;
  }
  pid_t pid() {
    std::ifstream children("/proc/" + std::to_string(unshare_.pid()) + "/task/" +
                           std::to_string(unshare_.pid()) + "/children");
    pid_t child = 0;
    children >> child;
    EXPECT_GT(child, 1);
    return child;
  }

  Program unshare_;
};

class AsFirstProcess : public testing::Test {
 protected:
  void SetUp() override {
    if (!FirstProcess::possible()) GTEST_SKIP() << "no name space of process ids for this user";
  }
};

TEST_F(AsFirstProcess, TermEndsALongAnswer) {
  FirstProcess run({VERBATIM_PROGRAM, "run", "-p", "Once upon a time", "--backend", "reference", "-n", "900",
                    "--ignore-eos"});
  EXPECT_TRUE(run.program().prints("Once upon a time"));
  run.signal(SIGTERM);
  EXPECT_EQ(run.program().wait(), 128 + SIGTERM);
}

TEST_F(AsFirstProcess, TermDrainsAndAnotherEnds) {
  FirstProcess serve(
      {VERBATIM_PROGRAM, "serve", "--port", "0", "--backend", "reference", "--drain-seconds", "600"});
  EXPECT_TRUE(serve.program().prints("listening .*:([0-9]+)\n"));
  std::smatch port;
  ASSERT_TRUE(std::regex_search(serve.program().text(), port, std::regex("listening .*:([0-9]+)\n")));
  Client client(std::stoi(port[1]));
  client.post("/v1/completions",
              R"({"prompt": "Once", "max_tokens": 900, "ignore_eos": true, "stream": true})",
              "Content-Type: application/json\r\n");
  server::ClientResponse head;
  EXPECT_TRUE(client.read_head(head));
  serve.signal(SIGTERM);
  EXPECT_TRUE(serve.program().prints("again: at once\n"));
  serve.signal(SIGTERM);
  EXPECT_EQ(serve.program().wait(), 128 + SIGTERM);
}

std::string lines_of(const std::string& path) {
  std::ifstream in(path);
  std::string lines;
  for (std::string line; std::getline(in, line);) lines += line.substr(line.find(" GET ") + 5, 8) + ";";
  return lines;
}

TEST(Signals, HangUpOpensTheAccessLogAnew) {
  ScratchFile log("-access.log"), old("-access.log.1");
  Serve serve({"--access-log", log.path});
  const int port = serve.port();
  auto ask = [&](const char* path) {
    Client client(port);
    client.get(path);
    EXPECT_EQ(client.read().status, 200);
  };
  ask("/health");
  while (lines_of(log.path).empty()) std::this_thread::yield();  // lines come a moment after the answer
  fs::rename(log.path, old.path);
  serve.signal(SIGHUP);
  while (!fs::exists(log.path)) std::this_thread::yield();
  ask("/version");
  serve.signal(SIGTERM);
  EXPECT_EQ(serve.wait(), 0);
  EXPECT_EQ(lines_of(old.path), "/health ;");
  EXPECT_EQ(lines_of(log.path), "/version;");
}

TEST(Signals, HangUpEndsAServerWithoutAccessLog) {
  Serve serve({});
  serve.port();
  serve.signal(SIGHUP);
  EXPECT_EQ(serve.wait(), -SIGHUP);
}

// The reference backend is slow enough to be interrupted.
TEST(Signals, InterruptEndsAnAnswerAndThenTheProgram) {
  ScratchFile chat("-chat.jinja");
  std::ofstream(chat.path) << "{% for m in messages %}{{ m.content }} {% endfor %}";
  Program run({VERBATIM_PROGRAM, "run", "--chat", "--chat-template", chat.path, "--backend", "reference",
               "-n", "900", "--ignore-eos", "--temperature", "0"});
  run.write("Once upon a time\n");
  EXPECT_TRUE(run.prints("."));
  run.signal(SIGINT);
  EXPECT_TRUE(run.prints("\n$"));
  const std::string before = run.text();
  run.write("There was a king\n");
  EXPECT_TRUE(run.prints("\n[^\n]"));
  run.signal(SIGINT);
  EXPECT_EQ(run.wait(), 0) << "the end of its input";
  EXPECT_TRUE(run.text().starts_with(before));
}

// The weights are mapped, and somebody shortens the file that they are in.
TEST(Signals, AMappedFileThatBecomesShorterIsNamed) {
  const fs::path folder = fs::path(testing::TempDir()) / fmt::format("verbatim-shorter-{}", ::getpid());
  fs::create_directories(folder);
  const std::string model = (folder / "model.gguf").string();
  RandomModel random;
  ModelConfig& c = random.config;
  c.architecture = "llama";
  c.layers = 2, c.dim = 64, c.hidden_dim = 96, c.heads = 4, c.kv_heads = 2, c.vocab_size = 400;
  c.head_dim = c.rope_dim = 16, c.context_length = 128;
  ThreadPool pool(1);
  ASSERT_TRUE(write_random_model(model, random, pool).ok());
  const std::vector<std::string> environment = {"XDG_CACHE_HOME=" + folder.string()};
  EXPECT_EQ(Program({VERBATIM_PROGRAM, "run", "-m", model, "-p", "x", "-n", "1"}, environment).wait(), 0);
  fs::path cache;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path() != model) cache = entry.path();
  ASSERT_FALSE(cache.empty()) << "no weights were kept";

  Program serve({VERBATIM_PROGRAM, "serve", "--port", "0", "-m", model, "--mmap"}, environment);
  ASSERT_TRUE(serve.prints("listening .*\n"));
  std::smatch port;
  ASSERT_TRUE(std::regex_search(serve.text(), port, std::regex("listening .*:([0-9]+)\n")));
  Client client(std::stoi(port[1]));
  fs::resize_file(cache, 0);
  client.post("/v1/completions", R"({"prompt":"x","max_tokens":1})", "Content-Type: application/json\r\n");
  EXPECT_TRUE(serve.prints("verbatim: " + cache.string() + ": became shorter while it was read"));
  EXPECT_EQ(serve.wait(), 1);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace verbatim
