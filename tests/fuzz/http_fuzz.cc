// Any bytes as what a client sends. The first byte says in what pieces they come.
//
// However they are cut the same requests are read; and a connection that serves them, with answers whole and
// streamed, neither crashes nor stays open once the client has ended its side.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "server/http_connection.h"

namespace {

using namespace verbatim;
using namespace verbatim::server;

HttpServerOptions options() {
  HttpServerOptions options;
  options.max_header_bytes = 512;
  options.max_body_bytes = 2048;
  options.api_keys = {"key"};
  options.cors_origins = {"http://page"};
  options.allowed_hosts = {"x"};
  return options;
}

std::vector<std::string> read_in_pieces(std::string_view bytes, std::size_t piece) {
  std::vector<std::string> seen;
  RequestReader reader({options().max_header_bytes, options().max_body_bytes});
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    reader.put(bytes.substr(0, piece));
    while (reader.state() == RequestReader::State::complete) {
      HttpRequest request = reader.take();
      reader.put("");
      seen.push_back(request.method + " " + request.path + "?" + request.query + "\n" + request.body);
      for (const Header& header : request.headers) seen.push_back(header.first + ":" + header.second);
    }
  }
  if (reader.state() == RequestReader::State::failed) seen.push_back(std::to_string(reader.failure().status));
  return seen;
}

void answer(HttpRequest request, std::shared_ptr<Responder> responder) {
  if (request.path.starts_with("/lost")) return;
  if (!request.path.starts_with("/stream"))
    return responder->respond({200, {{"X-Path", request.path}}, request.body});
  responder->begin_stream({200, {}, ""});
  for (char c : request.body) responder->write(std::string(1, c));
  responder->end();
}

class Server {
 public:
  Server() {
    service_.options = options();
    service_.handler = answer;
    service_.keys = *ApiKeys::create(service_.options.api_keys, false);
    service_.cors = *Cors::create(service_.options.cors_origins);
    service_.log = *AccessLog::create("");
    service_.bodies = std::make_shared<MemoryBudget>(1024);  // less than one body may have
  }

  void serve(std::string_view bytes, std::size_t piece) {
    std::array<int, 2> ends{};
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "no pair of sockets");
    Connection::Socket socket(context_.get_executor());
    socket.assign(boost::asio::generic::stream_protocol(AF_UNIX, 0), ends[1]);
    auto connection = std::make_shared<Connection>(std::move(socket), "fuzz", false, service_);
    service_.open.insert(connection);
    connection->post(&Connection::start);
    connection.reset();

    std::array<char, 65536> received{};
    bool ended = false;
    for (int turn = 0; !service_.open.empty(); ++turn) {
      CHECK(turn < 1'000'000, "a connection stays open though its client has left");
      if (!bytes.empty()) {
        ssize_t sent =
            ::send(ends[0], bytes.data(), std::min(piece, bytes.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
        bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : bytes.size());
      } else if (!ended) {
        ::shutdown(ends[0], SHUT_WR);
        ended = true;
      }
      context_.restart();
      context_.poll();
      static_cast<void>(::recv(ends[0], received.data(), received.size(), MSG_DONTWAIT));
    }
    ::close(ends[0]);
    context_.restart();
    context_.poll();
    CHECK(service_.requests_running == 0, "a request is running on no connection");
  }

 private:
  HttpService service_;
  boost::asio::io_context context_{1};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::size_t piece = 1 + data[0];
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, std::min<std::size_t>(size - 1, 16384));
  CHECK(read_in_pieces(bytes, bytes.size()) == read_in_pieces(bytes, piece), "a cut changes what is read");
  static Server server;
  server.serve(bytes, piece);
  return 0;
}
