// The key of RFC 8032, section 7.1, test 1, as a server's.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "receipt/signing.h"

namespace verbatim {

inline constexpr const char* kSignerPublicKey =
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

inline ReceiptSigner signer() {
  auto path = std::filesystem::temp_directory_path() / fmt::format("verbatim-key-{}.pem", getpid());
  std::ofstream(path) << "-----BEGIN PRIVATE KEY-----\n"
                         "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                         "-----END PRIVATE KEY-----\n";
  auto made = ReceiptSigner::from_pem_file(path);
  CHECK(made.ok(), "{}", made.error().message);
  std::filesystem::remove(path);
  return *std::move(made);
}

}  // namespace verbatim
