#include "report/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

namespace verbatim::report {
namespace {

std::string written(const auto& value) {
  JsonWriter json;
  json.value(value);
  return json.text();
}

TEST(JsonWriter, NothingInAStringCanEndAScriptOrBeginAComment) {
  EXPECT_EQ(written(std::string_view("</script><!--&]]>")),
            R"("\u003c/script\u003e\u003c!--\u0026]]\u003e")");
  EXPECT_EQ(written(std::string_view("\xe2\x80\xa8\xe2\x80\xa9")), R"("\u2028\u2029")");
  EXPECT_EQ(written(std::string_view("a\"\\\n\0", 5)), R"("a\u0022\u005c\u000a\u0000")");
}

TEST(JsonWriter, BytesThatAreNotUtf8BecomeLoneSurrogates) {
  EXPECT_EQ(written(std::string_view("\xff"
                                     "a\x80")),
            R"("\udcffa\udc80")");
  EXPECT_EQ(written(std::string_view("\xe2\x82")), R"("\udce2\udc82")");            // cut short
  EXPECT_EQ(written(std::string_view("\xed\xb2\x80")), R"("\udced\udcb2\udc80")");  // a surrogate, encoded
  EXPECT_EQ(written(std::string_view("\xf0\x9f\x91\xa9")), R"("\ud83d\udc69")");  // a character beyond U+FFFF
}

// Every byte, alone and among others: pure ASCII out, no character with a meaning in HTML, and all bytes come back.
TEST(JsonWriter, GivesEveryByteBack) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string bytes = {static_cast<char>(first), static_cast<char>(second), 'x'};
      std::string text = written(std::string_view(bytes));
      ASSERT_EQ(text.find_first_of("<>&"), text.npos);
      std::string back;
      ASSERT_EQ(text.front(), '"');
      for (std::size_t at = 1; at + 1 < text.size();) {
        ASSERT_TRUE(text[at] >= 0x20 && text[at] < 0x7f);
        if (text[at] != '\\') {
          back += text[at++];
          continue;
        }
        ASSERT_EQ(text[at + 1], 'u');
        int unit = std::stoi(text.substr(at + 2, 4), nullptr, 16);
        if (unit >= 0xdc80) {
          back += static_cast<char>(unit - 0xdc00);
        } else if (unit < 0x80) {
          back += static_cast<char>(unit);
        } else {  // two bytes can hold U+0080..U+07FF
          back += {static_cast<char>(0xc0 | (unit >> 6)), static_cast<char>(0x80 | (unit & 0x3f))};
        }
        at += 6;
      }
      ASSERT_EQ(back, bytes);
    }
  }
}

TEST(JsonWriter, NumbersReadBackTheSame) {
  for (double number : {0.0, -0.0, 0.1, -1e-308, 5e-324, 1.7976931348623157e308, -0.10000000149011612}) {
    double back = std::strtod(written(number).c_str(), nullptr);
    EXPECT_EQ(back, number);
    EXPECT_EQ(std::signbit(back), std::signbit(number));
  }
  EXPECT_EQ(written(std::nan("")), R"("NaN")");
  EXPECT_EQ(written(-std::numeric_limits<double>::infinity()), R"("-Infinity")");
  EXPECT_EQ(written(std::int64_t{9'007'199'254'740'992}), "9007199254740992");
  EXPECT_EQ(written(std::int64_t{9'007'199'254'740'993}), R"("9007199254740993")");
  EXPECT_EQ(written(std::optional<double>{}), "null");
}

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  JsonWriter json;
  json.object([&] {
    json.key("empty").array([] {});
    json.key("list").array([&] {
      json.value(1.5);
      json.object([] {});
      json.array([&] { json.null(); });
      json.value(std::string_view("x"));
    });
    json.key("last").value(std::int64_t{7});
  });
  EXPECT_EQ(json.text(), R"({"empty":[],"list":[1.5,{},[null],"x"],"last":7})");
}

}  // namespace
}  // namespace verbatim::report
