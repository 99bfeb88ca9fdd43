// How many processors a process may use: the affinity mask, and control groups of both versions, made up in a folder.
#include "parallel/processors.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace verbatim {
namespace {

namespace fs = std::filesystem;

// A machine's /sys/fs/cgroup and /proc/self/cgroup, as far as a test writes them.
class FakeCgroups : public testing::Test {
 protected:
  FakeCgroups() : root_(fs::temp_directory_path() / ("verbatim-cgroups-" + std::to_string(::getpid()))) {
    fs::create_directories(root_);
  }
  ~FakeCgroups() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  CgroupPlaces places() const { return {root_ / "membership", root_ / "mount"}; }
  int processors() const { return usable_processors(places()); }
  std::string folders(std::string_view controller) const {
    std::string all;
    for (const fs::path& folder : cgroup_folders(controller, places()))
      all += fs::relative(folder, root_).string() + "\n";
    return all;
  }

  fs::path root_;
  int all_ = usable_processors({"/nowhere", "/nowhere"});
};

TEST_F(FakeCgroups, WithoutGroupsTheAffinityMaskDecides) {
  EXPECT_EQ(processors(), all_);
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(all_, CPU_COUNT(&before));
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  const int usable = processors();
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(usable, 1);
}

TEST_F(FakeCgroups, SecondVersion) {
  write("membership", "0::/pod/container\n");
  write("mount/pod/container/cpu.max", "max 100000\n");
  EXPECT_EQ(processors(), all_);
  EXPECT_EQ(folders("cpu"), "mount/pod/container\nmount/pod\nmount\n");
  write("mount/pod/container/cpu.max", "150000 100000\n");
  EXPECT_EQ(processors(), 1);  // 1.5: the half does not pay for a thread
  write("mount/pod/container/cpu.max", "20000 100000\n");
  EXPECT_EQ(processors(), 1);  // never none
  write("mount/pod/container/cpu.max", "6400000 100000\n");
  EXPECT_EQ(processors(), all_);  // never more than there are
  write("mount/pod/cpu.max", "100000 100000\n");
  EXPECT_EQ(processors(), 1);  // the group around it counts too
}

TEST_F(FakeCgroups, FirstVersion) {
  write("membership", "4:memory:/user\n3:cpuacct,cpu:/docker/0123\n1:name=systemd:/\n");
  write("mount/cpuacct,cpu/docker/0123/cpu.cfs_quota_us", "-1\n");
  write("mount/cpuacct,cpu/docker/0123/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(processors(), all_);
  write("mount/cpuacct,cpu/docker/0123/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(processors(), 1);
  EXPECT_EQ(folders("memory"), "");
  fs::create_directories(root_ / "mount/memory");
  EXPECT_EQ(folders("memory"), "mount/memory\n");
}

// In a container the path is the host's, and what is mounted is the container's own group.
TEST_F(FakeCgroups, APathThatLeadsNowhereIsTheRoot) {
  write("membership", "0::/kubepods/burstable/pod1/abc\n");
  write("mount/cpu.max", "100000 100000\n");
  EXPECT_EQ(processors(), 1);
}

TEST_F(FakeCgroups, NonsenseIsNoQuota) {
  write("membership", "0::/\nnonsense\n:\n");
  for (const char* text : {"", "much", "100000", "0 0", "-5 100000", "100000 0"}) {
    write("mount/cpu.max", text);
    EXPECT_EQ(processors(), all_) << text;
  }
}

}  // namespace
}  // namespace verbatim
