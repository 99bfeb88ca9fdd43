// Numbering: equal keys get one number, different ones count from 0 in the order in which they were first met.
#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace verbatim::report {

template <typename Key>
class Numbering {
 public:
  std::size_t operator()(Key key) {
    return numbers_.try_emplace(std::move(key), numbers_.size()).first->second;
  }
  std::size_t size() const { return numbers_.size(); }
  std::vector<Key> in_order() const {
    std::vector<Key> keys(numbers_.size());
    for (const auto& [key, number] : numbers_) keys[number] = key;
    return keys;
  }

 private:
  std::map<Key, std::size_t> numbers_;
};

}  // namespace verbatim::report
