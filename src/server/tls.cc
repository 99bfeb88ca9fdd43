#include "server/tls.h"

#include <openssl/ssl.h>

namespace verbatim::server {

Result<std::unique_ptr<boost::asio::ssl::context>> tls_context(const std::string& certificate,
                                                               const std::string& key) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  boost::system::error_code error;
  context->use_certificate_chain_file(certificate, error);
  if (error) return fail("{}: cannot be used as a PEM certificate chain: {}", certificate, error.message());
  context->use_private_key_file(key, ssl::context::pem, error);
  if (error) {
    return fail("{}: cannot be used as the PEM private key of {}: {}", key, certificate, error.message());
  }
  return context;
}

}  // namespace verbatim::server
