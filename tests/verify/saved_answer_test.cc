// Files hold receipts, responses and streams, in a few forms; all of a file is one of them.
#include "verify/saved_answer.h"

#include <gtest/gtest.h>

#include "receipt/receipt_fixture.h"

namespace verbatim {
namespace {

std::string some_receipt(std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  return to_json_text(answer_alone(tiny_model(), rich_request(random))->receipts.at(0));
}

// A key that occurs twice would let two readers see two receipts.
TEST(SavedAnswer, IsReadInOneWayOnly) {
  std::string text = some_receipt();
  text.replace(text.find("\"head\""), 0, "\"version\":\"1.2.3\",");
  EXPECT_NE(find_answers(text, "f").error().message.find("occurs twice"), std::string::npos);
}

TEST(SavedAnswer, FilesThatAreCutShortHoldNone) {
  const std::string text = some_receipt();
  for (std::size_t size = 0; size < text.size(); ++size)
    ASSERT_FALSE(find_answers(text.substr(0, size), "f").ok()) << size;
  EXPECT_TRUE(find_answers(text, "f").ok());
}

TEST(SavedAnswer, IsFoundWhereItIsKept) {
  const std::string one = some_receipt(1), two = some_receipt(2);
  auto places = [](const std::string& text) {
    auto found = find_answers(text, "f");
    std::vector<std::string> where;
    if (!found) return std::vector{found.error().message};
    for (const SavedAnswer& answer : *found)
      for (const SavedReceipt& saved : answer.receipts)
        where.push_back(saved.receipt.ok() ? saved.where : saved.receipt.error().message);
    return where;
  };
  using Places = std::vector<std::string>;
  EXPECT_EQ(places(one), Places{"f"});
  EXPECT_EQ(places("[" + one + "," + two + "]"), (Places{"f 0", "f 1"}));
  EXPECT_EQ(places(one + "\n\n" + two + "\n"), (Places{"f:1", "f:3"}));
  EXPECT_EQ(places(R"({"choices":[{},{"receipt":)" + one + "}]}"), Places{"f choices/1/receipt"});
  EXPECT_EQ(places(R"({"receipt":)" + one + "}"), Places{"f receipt"});
  EXPECT_EQ(places("id: 1\ndata: {\"choices\":[{\"receipt\":" + one + "}]}\n\ndata: [DONE]\n\n"),
            Places{"f:2 choices/0/receipt"});
  EXPECT_EQ(places("event: x\ndata: {\"response\":{\"receipt\":" + one + "}}\n\n"),
            Places{"f:2 response/receipt"});
  EXPECT_EQ(places(R"({"choices":[{"receipt":{"version":"1"}}]})"),
            Places{"f choices/0/receipt: format is missing"});
  EXPECT_TRUE(
      places(R"({"format":"verbatim-receipt-1"})")[0].starts_with("f: format is \"verbatim-receipt-1\", "));
  for (const char* none : {"{}", "5", "{\"usage\":{}}", "data: [DONE]\n\n", ": waiting\n\n"})
    EXPECT_TRUE(places(none)[0].starts_with("f: holds no receipt where")) << none;
  EXPECT_TRUE(places("[]")[0].starts_with("f: holds no receipt; "));
  EXPECT_TRUE(places("")[0].starts_with("f: "));
  EXPECT_TRUE(places("once upon a time")[0].starts_with("f: "));
  EXPECT_TRUE(places(one + "\ncurl: (18) transfer closed\n")[0].starts_with("f:2: "));
  EXPECT_NE(places(std::string(100000, '['))[0].find("nested deeper"), std::string::npos);
}

}  // namespace
}  // namespace verbatim
