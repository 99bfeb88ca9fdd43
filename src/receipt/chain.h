// ReceiptChain: a SHA-256 chain over lines of text (docs/formats/receipt.md).
//
//   h(0) = SHA-256(start)        h(i) = SHA-256(hex of h(i-1), newline, entry i)
//
// `head` is the last h: it commits to every entry and their order. `links` has 8 hex digits of each h(i), so
// that whoever computes the chain again and gets another head learns which entry is the first to differ.
#pragma once

#include <string>
#include <string_view>

namespace verbatim {

class ReceiptChain {
 public:
  static constexpr std::size_t kLinkDigits = 8;

  explicit ReceiptChain(std::string_view start);
  void add(std::string_view entry);

  const std::string& head() const { return head_; }    // 64 hex digits
  const std::string& links() const { return links_; }  // kLinkDigits an entry

 private:
  std::string head_, links_;
};

}  // namespace verbatim
