// StateTable: configurations of a grammar, numbered as they are met, with what follows each byte: the grammar
// as a deterministic automaton, made where it is used.
//
// A memory of pure functions and nothing else: what it answers does not depend on what it was asked before.
// Its size is bounded; who uses it forgets when it is full. Not thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "constrain/configurations.h"
#include "constrain/token_trie.h"

namespace verbatim {

using StateId = std::uint32_t;

class StateTable {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20;  // beyond what it keeps when it forgets
  static constexpr StateId kRefused = 0;                           // no text of the grammar begins so

  explicit StateTable(std::shared_ptr<const Grammar> grammar);  // REQUIRES: not nullptr

  StateId start();
  StateId number_of(const Configurations& configurations);
  StateId after(StateId state, std::uint8_t byte) {
    const StateId known = next_[state * classes_ + class_of_[byte]];
    return known != kUnknown ? known : find_after(state, byte);
  }

  const Configurations& configurations(StateId state) const { return *states_[state].configurations; }
  const Outlook& outlook(StateId state) const { return states_[state].outlook; }
  std::size_t words(StateId state) const { return states_[state].words; }  // of configurations
  // Room for what the owner computed for the state; nullptr until it is set.
  const std::shared_ptr<const TokenBits>& mask(StateId state) const { return states_[state].mask; }
  void set_mask(StateId state, std::shared_ptr<const TokenBits> mask);

  std::size_t bytes() const { return bytes_; }  // of memory, about
  bool full() const { return bytes_ > kept_ + kMostBytes; }
  // Forgets every state but these, which get new numbers.
  void forget_all_but(std::span<StateId> states);

 private:
  static constexpr StateId kUnknown = UINT32_MAX;

  struct State {
    const Configurations* configurations = nullptr;  // the key in numbers_
    std::size_t words = 0;
    Outlook outlook;
    std::shared_ptr<const TokenBits> mask;
  };
  struct Hash {
    std::size_t operator()(const Configurations& words) const;
  };

  void classify_bytes();
  StateId find_after(StateId state, std::uint8_t byte);

  const std::shared_ptr<const Grammar> grammar_;
  std::array<std::uint8_t, 256> class_of_{};  // bytes of one class lead everywhere to the same place
  std::size_t classes_ = 0;
  std::unordered_map<Configurations, StateId, Hash> numbers_;
  std::vector<State> states_;
  std::vector<StateId> next_;         // (states, classes)
  std::size_t bytes_ = 0, kept_ = 0;  // of memory: now, and when it last forgot
};

}  // namespace verbatim
