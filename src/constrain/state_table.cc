#include "constrain/state_table.h"

#include <bitset>
#include <string_view>
#include <utility>

namespace verbatim {

StateTable::StateTable(std::shared_ptr<const Grammar> grammar) : grammar_(std::move(grammar)) {
  classify_bytes();
  forget_all_but({});
}

// A class ends where some edge begins or ends.
void StateTable::classify_bytes() {
  std::bitset<257> begins;
  for (const Grammar::Node& node : grammar_->nodes) {
    for (const Grammar::Edge& edge : node.edges) {
      begins.set(edge.first);
      begins.set(edge.last + 1u);
    }
  }
  std::uint8_t current = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (byte > 0 && begins[byte]) ++current;
    class_of_[byte] = current;
  }
  classes_ = current + std::size_t{1};
}

std::size_t StateTable::Hash::operator()(const Configurations& words) const {
  return std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(words[0])});
}

StateId StateTable::start() { return number_of(start_of(grammar_->nodes, grammar_->start)); }

StateId StateTable::number_of(const Configurations& configurations) {
  auto [it, added] = numbers_.emplace(configurations, static_cast<StateId>(states_.size()));
  if (added) {
    states_.push_back({&it->first, configurations.size(), outlook_of(*grammar_, configurations), nullptr});
    next_.resize(next_.size() + classes_, kUnknown);
    bytes_ += sizeof(State) + 64 + (classes_ + configurations.size()) * 4;
  }
  return it->second;
}

StateId StateTable::find_after(StateId state, std::uint8_t byte) {
  const StateId next = number_of(verbatim::after(grammar_->nodes, configurations(state), byte));
  return next_[state * classes_ + class_of_[byte]] = next;
}

void StateTable::set_mask(StateId state, std::shared_ptr<const TokenBits> mask) {
  bytes_ += mask->size() * sizeof((*mask)[0]);
  states_[state].mask = std::move(mask);
}

void StateTable::forget_all_but(std::span<StateId> states) {
  std::vector<Configurations> kept;
  for (StateId state : states) kept.push_back(configurations(state));
  numbers_.clear();
  states_.clear();
  next_.clear();
  bytes_ = 0;
  number_of({});  // kRefused
  for (std::size_t i = 0; i < states.size(); ++i) states[i] = number_of(kept[i]);
  kept_ = bytes_;
}

}  // namespace verbatim
