// Configurations: where a text stands in a grammar: every node it may be at, each with the rules it is
// inside. A value: texts that can be continued in the same ways from the same rules have equal values.
//
// Laid out flat, as 32-bit words: for each configuration its node, the number of its frames, and the frames,
// outermost first, each a node to return to and a count of repetitions. Before the frame of a set or member rule
// stand texts (text_set.h), and its count is that of their pairs of words, and one. Configurations are sorted and differ.
// No words: no text of the grammar begins so.
//
// Both limits below refuse a text, never part of a step: a byte that would exceed them is not allowed.
#pragma once

#include <cstdint>
#include <vector>

#include "constrain/grammar.h"

namespace verbatim {

using Configurations = std::vector<std::uint32_t>;

inline constexpr std::size_t kMostConfigurations = 512;
inline constexpr std::size_t kMostNesting = 64;  // arrays and objects inside one another

Configurations start_of(const std::vector<Grammar::Node>& nodes, NodeId start);
Configurations after(const std::vector<Grammar::Node>& nodes, const Configurations& from, std::uint8_t byte);

struct Outlook {
  bool may_end = false;    // the text is complete
  bool may_go_on = false;  // some byte may follow
  // So many characters that a JSON string spells as they are may follow in any choice, because the text is in
  // a string that may hold any; kUnbounded: any number.
  std::uint32_t free_characters = 0;
};
Outlook outlook_of(const Grammar& grammar, const Configurations& at);

}  // namespace verbatim
