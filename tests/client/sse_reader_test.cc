#include "client/sse_reader.h"

#include <gtest/gtest.h>

namespace verbatim::client {
namespace {

TEST(SseReader, ReadsTheSameHoweverItIsCut) {
  const std::string stream =
      ": keep-alive\n\ndata: one\n\nid: 7\nevent: x\ndata:two\r\n\r\ndata: a\rdata: b\r\rdata:\n\ndata: "
      "last\n\ndata: cut";
  const std::vector<std::string> events = {"one", "two", "a\nb", "", "last"};
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    SseReader reader;
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      for (std::string& data : reader.put(std::string_view(stream).substr(at, piece)))
        seen.push_back(std::move(data));
    }
    EXPECT_EQ(seen, events) << "in pieces of " << piece;
  }
}

}  // namespace
}  // namespace verbatim::client
