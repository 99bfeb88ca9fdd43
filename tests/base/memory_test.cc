// How much memory is left: what the machine has, and what control groups of both versions leave of it.
#include "base/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace verbatim {
namespace {

class FakeMachine : public testing::Test {
 protected:
  FakeMachine()
      : root_(std::filesystem::temp_directory_path() / ("verbatim-memory-" + std::to_string(::getpid()))) {
    write("meminfo", "MemTotal:       24000000 kB\nMemFree:   100 kB\nMemAvailable:    8000000 kB\n");
  }
  ~FakeMachine() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::int64_t available() const {
    return available_memory({root_ / "membership", root_ / "mount"}, root_ / "meminfo");
  }

  std::filesystem::path root_;
};

constexpr std::int64_t kAll = std::int64_t{8000000} * 1024;

TEST_F(FakeMachine, WithoutLimits) {
  EXPECT_EQ(available(), kAll);
  write("meminfo", "MemTotal: 5 kB\n");
  EXPECT_EQ(available(), 0);
}

TEST_F(FakeMachine, SecondVersion) {
  write("membership", "0::/pod\n");
  write("mount/pod/memory.max", "max\n");
  EXPECT_EQ(available(), kAll);
  write("mount/pod/memory.max", "1000000\n");
  write("mount/pod/memory.current", "700000\n");
  EXPECT_EQ(available(), 300000);
  write("mount/pod/memory.stat", "anon 5\ninactive_file 200000\n");  // page cache that goes when it must
  EXPECT_EQ(available(), 500000);
  write("mount/pod/memory.current", "2000000\n");
  EXPECT_EQ(available(), 0);
}

TEST_F(FakeMachine, FirstVersion) {
  write("membership", "4:memory:/docker/1\n");
  write("mount/memory/docker/1/memory.limit_in_bytes", "1000000\n");
  write("mount/memory/docker/1/memory.usage_in_bytes", "400000\n");
  write("mount/memory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  EXPECT_EQ(available(), 600000);
}

}  // namespace
}  // namespace verbatim
