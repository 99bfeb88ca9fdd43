#include "receipt/chain.h"

#include "base/sha256.h"

namespace verbatim {

ReceiptChain::ReceiptChain(std::string_view start) {
  Sha256 sha;
  sha.update(start);
  head_ = sha.hex();
}

void ReceiptChain::add(std::string_view entry) {
  Sha256 sha;
  sha.update(head_);
  sha.update("\n");
  sha.update(entry);
  head_ = sha.hex();
  links_.append(head_, 0, kLinkDigits);
}

}  // namespace verbatim
