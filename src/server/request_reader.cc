#include "server/request_reader.h"

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "server/api_error.h"

namespace verbatim::server {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;

// A chunked body ends with "0\r\n\r\n", so until it is complete at least these many bytes are to come. The
// parser of Boost 1.81 asserts that it sees as many at a time (basic_parser.ipp, parse_chunk_header).
constexpr std::size_t kLastChunkBytes = 5;

// The line of a chunk's size and extensions, which the parser has to see whole.
constexpr std::size_t kMaxChunkLine = 4096;

std::string to_string(boost::beast::string_view text) { return {text.data(), text.size()}; }

std::size_t count(const std::vector<Header>& headers, std::string_view name) {
  return static_cast<std::size_t>(
      std::ranges::count_if(headers, [&](const Header& header) { return same_name(header.first, name); }));
}

}  // namespace

struct RequestReader::Parser {
  http::request_parser<http::string_body> parser;

  explicit Parser(const ReadLimits& limits) {
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    parser.body_limit(limits.body_bytes);
  }
  // Gives `input` to the parser and takes off what it consumed.
  boost::beast::error_code put(std::string& input) {
    boost::beast::error_code error;
    std::size_t used = parser.put(net::buffer(input), error);
    input.erase(0, used);
    return error;
  }
};

RequestReader::RequestReader(ReadLimits limits) : limits_(limits) {}
RequestReader::~RequestReader() = default;

void RequestReader::put(std::string_view bytes) {
  if (state_ == State::failed) return;
  input_ += bytes;
  if (state_ != State::complete) advance();
}

HttpRequest RequestReader::take() {
  CHECK(state_ == State::complete, "a request was taken before it had arrived");
  HttpRequest request = std::move(request_);
  request_ = {};
  state_ = State::idle;
  searched_ = 0;
  return request;
}

std::size_t RequestReader::body_bytes() const {
  return parser_ != nullptr ? parser_->parser.get().body().size() : request_.body.size();
}

void RequestReader::abandon() {
  state_ = State::failed;
  input_ = {};
  request_ = {};
  parser_.reset();
}

bool RequestReader::refuse(int status, std::string_view sentence) {
  failure_ = error_response(status, sentence);
  abandon();
  return false;
}

void RequestReader::advance() {
  for (bool more = true; more;) {
    more = state_ == State::body ? read_body() : state_ == State::complete ? false : read_head();
  }
}

// Waits for the whole head, so that however it was cut the parser sees it in one piece.
bool RequestReader::read_head() {
  if (state_ == State::idle) {
    std::size_t blank = 0;  // lines before a request are allowed (RFC 9112, section 2.2)
    while (input_.compare(blank, 2, "\r\n") == 0) blank += 2;
    input_.erase(0, blank);
    if (input_.empty() || input_ == "\r") return false;
    state_ = State::headers;
  }
  if (input_[0] < 'A' || input_[0] > 'z') {
    return refuse(400,
                  "what arrived is no HTTP request: speak HTTP/1.1, and TLS only to a port that serves it");
  }
  std::size_t end = input_.find("\r\n\r\n", searched_);
  std::size_t known =
      std::min({end, input_.size(), limits_.header_bytes});  // of the head, not over the limit
  for (std::size_t lf = input_.find('\n', searched_); lf < known; lf = input_.find('\n', lf + 1)) {
    if (lf == 0 || input_[lf - 1] != '\r') {
      return refuse(400, "a line of the headers ends in LF alone: end each in CR LF");
    }
    if (lf + 1 < input_.size() && (input_[lf + 1] == ' ' || input_[lf + 1] == '\t'))
      return refuse(400, "a line of the headers begins with white space: write each header in one line");
  }
  // What has arrived without an end is part of a longer head.
  if ((end == input_.npos ? input_.size() : end + 4) > limits_.header_bytes) {
    return refuse(
        431, fmt::format("the headers exceed {} bytes: send fewer or shorter ones", limits_.header_bytes));
  }
  if (end == input_.npos) {
    searched_ = input_.size() - std::min<std::size_t>(3, input_.size());
    return false;
  }

  std::string rest = input_.substr(end + 4);
  input_.resize(end + 4);
  parser_ = std::make_unique<Parser>(limits_);
  boost::beast::error_code error = parser_->put(input_);
  if (error == http::error::body_limit) {
    return refuse(413, fmt::format("the body exceeds {} bytes: send a shorter one", limits_.body_bytes));
  }
  if (error == http::error::bad_version) return refuse(505, "this server speaks HTTP/1.1 and HTTP/1.0 only");
  if (error || !input_.empty() || !parser_->parser.is_header_done()) {
    return refuse(400, fmt::format("the headers are not valid HTTP/1.1 ({})", error.message()));
  }
  input_ = std::move(rest);
  if (!understand_head()) return false;
  state_ = State::body;
  return true;
}

bool RequestReader::read_body() {
  http::request_parser<http::string_body>& parser = parser_->parser;
  const std::size_t longest_line = kMaxChunkLine + limits_.header_bytes;
  while (!parser.is_done()) {
    if (input_.size() < (parser.chunked() ? kLastChunkBytes : 1)) return false;
    std::size_t before = input_.size(), body_before = parser.get().body().size();
    boost::beast::error_code error = parser_->put(input_);
    if (error == http::error::body_limit) {
      return refuse(413, fmt::format("the body exceeds {} bytes: send a shorter one", limits_.body_bytes));
    }
    bool is_data = parser.get().body().size() > body_before;
    std::size_t line = error == http::error::need_more ? input_.size() + 1 : before - input_.size();
    if (!is_data && line > longest_line) {
      return refuse(400, "a chunk of the body has an endless first line or trailer: shorten it");
    }
    if (error == http::error::need_more) return false;
    if (error) return refuse(400, fmt::format("the body is not valid HTTP/1.1 ({})", error.message()));
    CHECK(input_.size() < before || parser.is_done(), "the HTTP parser made no progress");
  }
  request_.body = std::move(parser.get().body());
  parser_.reset();
  state_ = State::complete;
  return false;
}

bool RequestReader::understand_head() {
  auto& message = parser_->parser.get();
  request_.method = to_string(message.method_string());
  for (const auto& field : message) {
    request_.headers.emplace_back(to_string(field.name_string()), to_string(field.value()));
  }
  http_1_1_ = message.version() == 11;
  keep_alive_ = http_1_1_ && parser_->parser.keep_alive();

  std::size_t hosts = count(request_.headers, "Host");
  if (hosts > 1 || (hosts == 0 && http_1_1_)) return refuse(400, "send exactly one Host header");
  if (count(request_.headers, "Authorization") > 1) return refuse(400, "send one Authorization header");
  if (const std::string* length = request_.header("Content-Length")) {
    bool digits = length->find_first_not_of("0123456789") == length->npos;
    if (count(request_.headers, "Content-Length") > 1 || !digits) {
      return refuse(400, "send one Content-Length, and only digits in it");
    }
  }
  if (const std::string* coding = request_.header("Transfer-Encoding")) {
    bool chunked = count(request_.headers, "Transfer-Encoding") == 1 && same_name(*coding, "chunked");
    if (!chunked || !http_1_1_) {
      return refuse(400, "the only Transfer-Encoding understood is 'chunked', once, in HTTP/1.1");
    }
  }
  return understand_target(to_string(message.target()));
}

// "/path?query", "http://host/path?query", or for OPTIONS "*" (RFC 9112, section 3.2).
bool RequestReader::understand_target(std::string_view target) {
  if (target.starts_with("http://") || target.starts_with("https://")) {
    std::size_t path = target.find('/', target.find("//") + 2);
    target = path == target.npos ? "/" : target.substr(path);
  }
  target = target.substr(0, target.find('#'));
  std::size_t question = target.find('?');
  if (question != target.npos) request_.query = target.substr(question + 1);
  auto path = percent_decode(target.substr(0, question));
  if (!path) return refuse(400, path.error().message);
  request_.path = *std::move(path);
  if (!request_.path.starts_with('/') && !(request_.path == "*" && request_.method == "OPTIONS")) {
    return refuse(400, "the target of the request must be a path that begins with '/'");
  }
  return true;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      std::string_view digits = text.substr(i + 1, 2);
      std::uint8_t byte = 0;
      auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (error != std::errc() || end != digits.data() + 2) {
        return fail("a '%' in the path must be followed by two hexadecimal digits; '%' itself is %25");
      }
      c = static_cast<char>(byte);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return fail("the path holds a control character: leave it out");
    decoded += c;
  }
  return decoded;
}

}  // namespace verbatim::server
