// Draft: tokens that an answer is expected to have, and what of them to try next.
//
// Trying costs little: the rows of several tokens are computed in one step, for about the price of one where
// the weights are what is read. A draft decides how fast an answer comes, never what it is: each token is
// drawn from its own logits, and a proposal counts only where the drawn token equals it. (Speculative decoding
// with a given draft: Leviathan et al., "Fast Inference from Transformers via Speculative Decoding", 2023;
// here sampler and verifier agree on bits, so nothing has to be accepted by chance.)
//
// What is proposed is a function of the draft and of the answer so far, not of load.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace verbatim {

class Draft {
 public:
  explicit Draft(std::vector<std::int32_t> tokens) : tokens_(std::move(tokens)) {}

  // The next token of the answer.
  void accept(std::int32_t token);
  // What may follow: at first a few tokens, then twice as many as have come true in a row. After a token that
  // the draft does not have, nothing, until the answer's last kAnchor tokens are found further on in the draft.
  std::span<const std::int32_t> proposal() const;

 private:
  static constexpr std::size_t kFirst = 8, kAnchor = 3;

  void look_ahead();

  std::vector<std::int32_t> tokens_;
  std::size_t place_ = 0;                // of the next token in the draft
  bool lost_ = false;                    // the answer left the draft at place_
  std::size_t run_ = 0;                  // tokens that came true in a row
  std::vector<std::int32_t> last_ = {};  // of the answer, kAnchor at most
};

}  // namespace verbatim
