// RequestReader: what is a request and what is not, however the bytes are cut.
#include <gtest/gtest.h>

#include "server/request_reader.h"

namespace verbatim::server {
namespace {

constexpr ReadLimits kLimits{1024, 4096};

// One line for each request, and for a failure.
std::vector<std::string> read_all(std::string_view bytes, std::size_t piece, ReadLimits limits = kLimits) {
  std::vector<std::string> seen;
  RequestReader reader(limits);
  auto drain = [&] {
    while (reader.state() == RequestReader::State::complete) {
      bool keep_alive = reader.keep_alive();
      HttpRequest request = reader.take();
      std::string line = fmt::format("{} {} ?{} [{}]{}", request.method, request.path, request.query,
                                     request.body, keep_alive ? "" : " close");
      for (const Header& header : request.headers) line += fmt::format(" {}={}", header.first, header.second);
      seen.push_back(std::move(line));
      reader.put("");
    }
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.put(bytes.substr(at, piece));
    drain();
  }
  if (reader.state() == RequestReader::State::failed) seen.push_back(fmt::to_string(reader.failure().status));
  return seen;
}

using Lines = std::vector<std::string>;

struct GrammarCase {
  const char* name;
  std::string bytes;
  Lines requests;
};

void PrintTo(const GrammarCase& one, std::ostream* out) { *out << one.name; }

const GrammarCase kGrammarCases[] = {
    {"Get", "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", {"GET /a ?b=c [] Host=x"}},
    {"Post",
     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
     {"POST / ? [abc] Host=x Content-Length=3"}},
    {"Chunked",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
     {"POST / ? [abcde] Host=x Transfer-Encoding=chunked"}},
    {"ChunkedAndEmpty",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {"POST / ? [] Host=x Transfer-Encoding=chunked"}},
    {"TrailersAreNoHeaders",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nAuthorization: "
     "y\r\n\r\n",
     {"POST / ? [a] Host=x Transfer-Encoding=chunked"}},
    {"Pipelined",
     "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\naGET /3 "
     "HTTP/1.1\r\nHost: x\r\n\r\n",
     {"GET /1 ? [] Host=x", "POST /2 ? [a] Host=x Content-Length=1", "GET /3 ? [] Host=x"}},
    {"BlankLinesBefore",
     "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
     {"GET / ? [] Host=x", "GET / ? [] Host=x"}},
    {"Close",
     "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
     {"GET / ? [] close Host=x Connection=close"}},
    {"OldClient", "GET / HTTP/1.0\r\n\r\n", {"GET / ? [] close"}},
    {"AbsoluteTarget", "GET http://x:80/a?b HTTP/1.1\r\nHost: x\r\n\r\n", {"GET /a ?b [] Host=x"}},
    {"Asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", {"OPTIONS * ? [] Host=x"}},
    {"Decoded",
     "GET /a%2Fb%20%C3%A4?x%20y HTTP/1.1\r\nHost: x\r\n\r\n",
     {"GET /a/b \xc3\xa4 ?x%20y [] Host=x"}},
    {"UnknownMethod", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", {"BREW / ? [] Host=x"}},

    // Two ways to read one message.
    {"LengthAndChunked",
     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
     {"400"}},
    {"ChunkedAndLength",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
     {"400"}},
    {"TwoLengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", {"400"}},
    {"SameLengthTwice",
     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
     {"400"}},
    {"LengthList", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", {"400"}},
    {"LengthWithSign", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", {"400"}},
    {"LengthTooLargeForItsType",
     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
     {"400"}},
    {"ChunkedTwice", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", {"400"}},
    {"ChunkedThenGzip", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", {"400"}},
    {"GzipThenChunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", {"400"}},
    {"TwoCodings",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n",
     {"400"}},
    {"NearlyChunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", {"400"}},
    {"OldClientChunked", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", {"400"}},
    {"BadChunkSize",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n",
     {"400"}},
    {"ChunkSizeOverflows",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n",
     {"400"}},
    {"ChunkLongerThanSaid",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
     {"400"}},
    {"SpaceBeforeColon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", {"400"}},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", {"400"}},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", {"400"}},
    {"TwoKeys",
     "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
     {"400"}},
    {"FoldedHeader", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", {"400"}},
    {"FoldedByTab", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc: d\r\n\r\n", {"400"}},
    {"FoldedFirstLine", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", {"400"}},
    {"NoColon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", {"400"}},
    {"NulInHeader", std::string("GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n", 29), {"400"}},
    {"LineEndsInLf", "GET / HTTP/1.1\nHost: x\n\n", {"400"}},
    {"OneLineEndsInLf", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", {"400"}},
    {"NoHttp", "\x16\x03\x01\x02\x01", {"400"}},
    {"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"505"}},
    {"Http12", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", {"505"}},
    {"HalfEscape", "GET /%2 HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
    {"NoEscape", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
    {"SignInEscape", "GET /%+1 HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
    {"LineBreakInPath", "GET /a%0d%0ab HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
    {"NulInPath", "GET /a%00 HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
    {"Authority", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
    {"AsteriskOfGet", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
    {"FailureEndsIt", "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
};

class RequestReaderCase : public testing::TestWithParam<GrammarCase> {};
INSTANTIATE_TEST_SUITE_P(Grammar, RequestReaderCase, testing::ValuesIn(kGrammarCases),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(RequestReaderCase, ReadsTheSameHoweverItIsCut) {
  for (std::size_t piece = 1; piece < GetParam().bytes.size(); ++piece) {
    EXPECT_EQ(read_all(GetParam().bytes, piece), GetParam().requests) << "in pieces of " << piece;
  }
  EXPECT_EQ(read_all(GetParam().bytes, GetParam().bytes.size()), GetParam().requests);
}

std::string padded(std::size_t total) {
  std::string head = "GET / HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n";
  return head.insert(head.size() - 4, total - head.size(), 'a');
}

TEST(RequestReader, HeadersHaveALimit) {
  for (std::size_t piece : {1, 7, 100000}) {
    EXPECT_EQ(read_all(padded(kLimits.header_bytes), piece).front().substr(0, 5), "GET /");
    for (std::size_t over = 1; over <= 5; ++over)
      EXPECT_EQ(read_all(padded(kLimits.header_bytes + over), piece), Lines{"431"}) << over;
    EXPECT_EQ(read_all(std::string(kLimits.header_bytes + 5, 'A'), piece), Lines{"431"});
  }
}

// The limit is on all headers together, however slowly each comes.
TEST(RequestReader, ManySmallHeadersReachTheLimit) {
  RequestReader reader(kLimits);
  reader.put("GET / HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 1000 && reader.state() == RequestReader::State::headers; ++i) reader.put("A: b\r\n");
  ASSERT_EQ(reader.state(), RequestReader::State::failed);
  EXPECT_EQ(reader.failure().status, 431);
}

TEST(RequestReader, BodiesHaveALimit) {
  auto sized = [](std::size_t size) {
    return fmt::format("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}", size,
                       std::string(size, 'a'));
  };
  auto chunked = [](std::size_t size) {
    std::string request = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t i = 0; i < size; ++i) request += "1\r\na\r\n";
    return request + "0\r\n\r\n";
  };
  for (std::size_t piece : {1, 7, 100000}) {
    EXPECT_EQ(read_all(sized(kLimits.body_bytes), piece).front().substr(0, 6), "POST /");
    EXPECT_EQ(read_all(sized(kLimits.body_bytes + 1), piece), Lines{"413"});
    EXPECT_EQ(read_all(chunked(kLimits.body_bytes), piece).front().substr(0, 6), "POST /");
    EXPECT_EQ(read_all(chunked(kLimits.body_bytes + 1), piece), Lines{"413"});
  }
}

// Before a byte of the body has come.
TEST(RequestReader, ALengthOverTheLimitIsRefusedAtTheHead) {
  RequestReader reader(kLimits);
  reader.put("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n");
  ASSERT_EQ(reader.state(), RequestReader::State::failed);
  EXPECT_EQ(reader.failure().status, 413);
  EXPECT_NE(reader.failure().body.find("4096 bytes"), std::string::npos) << reader.failure().body;
}

TEST(RequestReader, AnEndlessLineInAChunkedBodyIsRefused) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::string_view start : {"1;", "0\r\nA: "}) {
    std::string body = fmt::format("{}{}", start, std::string(10'000, 'a'));
    for (std::size_t piece : {1, 100, 100'000}) {
      EXPECT_EQ(read_all(head + body, piece), Lines{"400"}) << "it has no end";
      EXPECT_EQ(read_all(head + body + "\r\na\r\n0\r\n\r\n", piece), Lines{"400"}) << "it ends after all";
    }
  }
}

TEST(RequestReader, TheHeadIsKnownBeforeTheBody) {
  RequestReader reader(kLimits);
  EXPECT_EQ(reader.state(), RequestReader::State::idle);
  reader.put("POST /p HTTP/1.1\r\nHost: x\r\nContent-");
  EXPECT_EQ(reader.state(), RequestReader::State::headers);
  reader.put("Length: 2\r\n\r\na");
  EXPECT_EQ(reader.state(), RequestReader::State::body);
  EXPECT_EQ(reader.head().path, "/p");
  reader.put("bGET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(reader.state(), RequestReader::State::complete);
  EXPECT_EQ(reader.take().body, "ab");
  EXPECT_EQ(reader.state(), RequestReader::State::idle);
  EXPECT_TRUE(reader.http_1_1()) << "what follows is not looked at yet";
  reader.put("");
  EXPECT_EQ(reader.state(), RequestReader::State::complete);
  EXPECT_FALSE(reader.http_1_1());
}

}  // namespace
}  // namespace verbatim::server
