// The table of backends: which one a name gives, and what a wrong name is told.
#include "backend/list.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace verbatim {
namespace {

TEST(BackendList, ReferenceIsLastAndRunsEverywhere) {
  ASSERT_FALSE(backend_list().empty());
  EXPECT_EQ(backend_list().back().name, "reference");
  EXPECT_TRUE(backend_list().back().runs_here());
}

TEST(BackendList, EveryNameGivesTheBackendOfThatName) {
  for (const std::string& name : backends_here()) {
    auto backend = make_backend(name, 2);
    ASSERT_TRUE(backend.ok()) << backend.error().message;
    EXPECT_EQ((*backend)->name(), name);
    EXPECT_EQ((*backend)->threads(), 2);
  }
}

TEST(BackendList, AutoIsTheFirstThatRunsHere) {
  for (std::string_view name : {"", "auto"}) {
    auto backend = make_backend(name, 1);
    ASSERT_TRUE(backend.ok());
    EXPECT_EQ((*backend)->name(), backends_here().front());
  }
}

TEST(BackendList, GpuIsThereWhereADeviceIs) {
  ASSERT_NE(find_backend("cuda"), nullptr);
  if (!find_backend("cuda")->runs_here())
    GTEST_SKIP() << "no device here: nothing of the GPU backend was tested";
  EXPECT_EQ(backends_here().front(), "cuda");
}

// So no suite that runs every backend of the list can meet it, and nobody gets it by accident.
TEST(BackendList, ControlGroupIsOnlyFoundByItsName) {
  std::vector<std::string> here = backends_here();
  EXPECT_EQ(std::ranges::find(here, control_group().name), here.end());
  EXPECT_EQ(find_backend("conventional"), &control_group());
  auto backend = make_backend("conventional", 2);
  if (!control_group().runs_here()) {
    ASSERT_FALSE(backend.ok());
    EXPECT_NE(backend.error().message.find("libopenblas0-pthread"), std::string::npos)
        << backend.error().message;
    GTEST_SKIP() << backend.error().message;
  }
  ASSERT_TRUE(backend.ok()) << backend.error().message;
  EXPECT_EQ((*backend)->name(), "conventional");
  EXPECT_EQ((*backend)->threads(), 2);
}

TEST(BackendList, UnknownNameListsThoseThatRun) {
  auto backend = make_backend("abacus", 1);
  ASSERT_FALSE(backend.ok());
  EXPECT_NE(backend.error().message.find("backend 'abacus' is not known"), std::string::npos);
  for (const std::string& name : backends_here()) {
    EXPECT_NE(backend.error().message.find(name), std::string::npos) << name;
  }
}

TEST(BackendList, NameThatCannotRunSaysWhatItNeeds) {
  auto entry = std::find_if(backend_list().begin(), backend_list().end(),
                            [](const BackendEntry& e) { return !e.runs_here(); });
  if (entry == backend_list().end()) GTEST_SKIP() << "this machine runs every backend of its architecture";
  auto backend = make_backend(entry->name, 1);
  ASSERT_FALSE(backend.ok());
  EXPECT_NE(backend.error().message.find(entry->needs), std::string::npos) << backend.error().message;
}

}  // namespace
}  // namespace verbatim
