// Drawer: how an answer goes on after a row of logits: with a token, or not at all.
//
// The one place where this is decided: the engine asks it for every token that it hands out, and so does
// whoever wants to know what the engine would have said (receipt/verify.h). Not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/answer.h"
#include "ops/logits_math.h"
#include "sample/sampler.h"

namespace verbatim {

class Drawer {
 public:
  struct Next {
    std::optional<std::int32_t> token;  // none: the answer ends without one
    std::string text;                   // that became certain with it
    std::optional<Finish> end;          // why the answer ends here; its text is not flushed
  };

  // math: outlives the drawer
  Drawer(LogitsMath& math, std::int64_t vocab);

  // Draws the token at `position` and gives it to the answer.   logits: (vocab), of the row before it
  Next next(Answer& answer, std::int64_t position, std::span<const float> logits);
  // The same with a token that was drawn elsewhere.   REQUIRES: answer.draws_are_plain()
  static Next next(Answer& answer, std::int32_t token);

 private:
  std::int64_t vocab_;
  Sampler sampler_;
  TokenBits allowed_;  // scratch
};

}  // namespace verbatim
