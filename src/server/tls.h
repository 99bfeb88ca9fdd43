// The TLS side of a server: a certificate and its key become what connections share.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/result.h"

namespace verbatim::server {

// Both are PEM files; the certificate's holds its chain too. TLS 1.2 and 1.3.
// Errors name the file: not readable, not PEM, a key that is not the certificate's.
Result<std::unique_ptr<boost::asio::ssl::context>> tls_context(const std::string& certificate,
                                                               const std::string& key);

}  // namespace verbatim::server
