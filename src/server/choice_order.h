// ChoiceOrder: puts what several answers say, which comes as load has it, into one order that load cannot
// change.
//
// Events of one choice come in their own order: its prompt is computed, its tokens, its end. They leave by increasing
// (number, choice): the first of every choice, then the second of every choice that has one, and so on. A choice that is
// ahead is held back, in as few bytes as it needs, until the others have caught up; with one choice nothing ever is.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/token_sink.h"

namespace verbatim::server {

class ChoiceEvents {
 public:
  virtual ~ChoiceEvents() = default;
  virtual void prompt(std::size_t /*choice*/) {}  // first of each choice: its prompt is computed
  virtual void token(std::size_t choice, const TokenEvent& event) = 0;
  virtual void finish(std::size_t choice, const Finish& finish) = 0;
};

class ChoiceOrder {
 public:
  // out: is told of them in order; tokens that were held back come without a position
  ChoiceOrder(std::size_t choices, ChoiceEvents& out) : lanes_(choices), out_(out) {}

  // REQUIRES: of each choice prompt() comes first and once, finish() last
  void prompt(std::size_t choice);
  void token(std::size_t choice, const TokenEvent& event);
  void finish(std::size_t choice, const Finish& finish);

  // All choices have ended, and everything has left.
  bool done() const { return done_ == lanes_.size(); }

 private:
  class HeldTokens {
   public:
    bool empty() const { return next_ == tokens_.size(); }
    void push(const TokenEvent& event);
    TokenEvent pop();  // REQUIRES: not empty

   private:
    std::vector<std::int32_t> tokens_;
    std::vector<std::size_t> text_ends_;  // of each token, in text_
    std::string text_;
    LogprobRows logprobs_;  // of each token, or none
    std::size_t next_ = 0;
  };
  struct Lane {
    bool begun = false;        // its prompt is computed,
    bool prompt_left = false;  // and that was said
    HeldTokens tokens;
    std::optional<Finish> end;
    bool left = false;  // its end was said
  };

  Lane& open_lane(std::size_t choice);
  void move_on();
  bool let_one_out();
  void pass_turn() { turn_ = (turn_ + 1) % lanes_.size(); }

  std::vector<Lane> lanes_;
  ChoiceEvents& out_;
  std::size_t turn_ = 0, done_ = 0;
};

}  // namespace verbatim::server
