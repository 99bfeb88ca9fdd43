#include "server/choice_order.h"

#include <utility>

#include "base/check.h"

namespace verbatim::server {

void ChoiceOrder::HeldTokens::push(const TokenEvent& event) {
  tokens_.push_back(event.token);
  text_ += event.text;
  text_ends_.push_back(text_.size());
  if (event.logprobs) logprobs_.push(*event.logprobs);
}

TokenEvent ChoiceOrder::HeldTokens::pop() {
  TokenEvent event;
  event.token = tokens_[next_];
  const std::size_t begin = next_ == 0 ? 0 : text_ends_[next_ - 1];
  event.text = text_.substr(begin, text_ends_[next_] - begin);
  if (logprobs_.size() > 0) {
    const LogprobsView held = logprobs_[next_];
    event.logprobs = Logprobs{held.chosen, {held.top.begin(), held.top.end()}};
  }
  ++next_;
  if (empty()) *this = {};
  return event;
}

ChoiceOrder::Lane& ChoiceOrder::open_lane(std::size_t choice) {
  Lane& lane = lanes_[choice];
  CHECK(lane.begun, "choice {} has an event before its prompt is computed", choice);
  CHECK(!lane.end, "choice {} goes on after its end", choice);
  return lane;
}

void ChoiceOrder::prompt(std::size_t choice) {
  CHECK(!lanes_[choice].begun, "the prompt of choice {} is computed twice", choice);
  lanes_[choice].begun = true;
  move_on();
}

void ChoiceOrder::token(std::size_t choice, const TokenEvent& event) {
  Lane& lane = open_lane(choice);
  if (choice == turn_ && lane.prompt_left && lane.tokens.empty()) {
    pass_turn();
    out_.token(choice, event);
  } else {
    lane.tokens.push(event);
  }
  move_on();
}

void ChoiceOrder::finish(std::size_t choice, const Finish& finish) {
  open_lane(choice).end = finish;
  move_on();
}

void ChoiceOrder::move_on() {
  while (!done() && let_one_out()) {
  }
}

// Of the choice whose turn it is; or passes over it, for it has ended. False: its next event is not here yet.
bool ChoiceOrder::let_one_out() {
  const std::size_t choice = turn_;
  Lane& lane = lanes_[choice];
  if (lane.left) {
    pass_turn();
  } else if (lane.begun && !lane.prompt_left) {
    lane.prompt_left = true;
    pass_turn();
    out_.prompt(choice);
  } else if (!lane.tokens.empty()) {
    const TokenEvent event = lane.tokens.pop();
    pass_turn();
    out_.token(choice, event);
  } else if (lane.end) {
    lane.left = true;
    ++done_;
    pass_turn();
    out_.finish(choice, *lane.end);
  } else {
    return false;
  }
  return true;
}

}  // namespace verbatim::server
