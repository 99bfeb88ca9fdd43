// Result, Status and CHECK: which of the two a caller gets, and that asking for the other ends the process.
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace verbatim {
namespace {

Result<int> parse_digit(const std::string& text) {
  if (text.size() != 1 || text[0] < '0' || text[0] > '9') return fail("'{}' is not a digit", text);
  return text[0] - '0';
}

TEST(Result, HoldsAValueOrASentence) {
  Result<int> good = parse_digit("7");
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(*good, 7);

  Result<int> bad = parse_digit("x7");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message, "'x7' is not a digit");
}

TEST(Result, GivesUpAMoveOnlyValue) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  ASSERT_TRUE(result.ok());
  std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 5);
}

TEST(Result, ReachesMembers) {
  Result<std::string> result = std::string("abc");
  EXPECT_EQ(result->size(), 3u);
  result.value() += "d";
  EXPECT_EQ(*result, "abcd");
}

TEST(Status, IsOkUntilItHoldsAnError) {
  Status status;
  EXPECT_TRUE(status.ok());
  status = fail("{} of {}", 1, 2);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "1 of 2");
}

TEST(ResultDeathTest, AskingForWhatIsNotThereIsABug) {
  EXPECT_DEATH((void)parse_digit("x").value(), "holds the error: 'x' is not a digit");
  EXPECT_DEATH((void)parse_digit("1").error(), "holds a value");
  EXPECT_DEATH((void)Status().error(), "that is ok");
}

TEST(CheckDeathTest, NamesTheSentenceTheConditionAndThePlace) {
  int rows = 3;
  CHECK(rows == 3, "never evaluated");
  EXPECT_DEATH(CHECK(rows == 4, "{} rows", rows), "result_test.cc:[0-9]+: 3 rows \\(rows == 4\\)");
}

}  // namespace
}  // namespace verbatim
