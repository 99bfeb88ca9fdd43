// ChoiceOrder: puts what several answers say, which comes as load has it, into one order that load cannot
// change.
//
// Events of one choice come in their own order, numbered 0, 1, ...; the last is its end. They leave by
// increasing (number, choice): event 0 of every choice, then event 1 of every choice that has one, and so on.
// A choice that is ahead is held back until the others have caught up; with one choice nothing ever is.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace verbatim::server {

template <class Event>
class ChoiceOrder {
 public:
  // out(choice, event): the next in the order
  using Out = std::function<void(std::size_t choice, Event event)>;

  ChoiceOrder(std::size_t choices, Out out) : lanes_(choices), out_(std::move(out)) {}

  // last: the choice ends with this event.  REQUIRES: it has not ended
  void push(std::size_t choice, Event event, bool last) {
    Lane& lane = lanes_[choice];
    CHECK(!lane.complete, "choice {} goes on after its end", choice);
    lane.complete = last;
    lane.held.push_back(std::move(event));
    while (move_on()) {
    }
  }

  // All choices have ended, and everything has left.
  bool done() const { return done_ == lanes_.size(); }

 private:
  struct Lane {
    std::deque<Event> held;
    bool complete = false;  // its last event has come
    bool left = false;      // its last event has left
  };

  // Lets one event out, or passes over a choice that has ended; false: the next one is not here yet.
  bool move_on() {
    if (done()) return false;
    Lane& lane = lanes_[turn_];
    if (!lane.left) {
      if (lane.held.empty()) return false;
      Event event = std::move(lane.held.front());
      lane.held.pop_front();
      lane.left = lane.complete && lane.held.empty();
      if (lane.left) ++done_;
      std::size_t choice = turn_;
      turn_ = (turn_ + 1) % lanes_.size();
      out_(choice, std::move(event));
      return true;
    }
    turn_ = (turn_ + 1) % lanes_.size();
    return true;
  }

  std::vector<Lane> lanes_;
  Out out_;
  std::size_t turn_ = 0, done_ = 0;
};

}  // namespace verbatim::server
