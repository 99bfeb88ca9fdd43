// Scope: the names set in one block, on top of those around it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "jinja/tree.h"

namespace verbatim::jinja {

class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  const Value* find(NameId name) const {
    for (const Scope* scope = this; scope; scope = scope->parent_.get()) {
      for (const auto& [known, value] : scope->values_) {
        if (known == name) return &value;
      }
    }
    return nullptr;
  }
  void set(NameId name, Value value) {
    for (auto& [known, old] : values_) {
      if (known == name) {
        old = std::move(value);
        return;
      }
    }
    values_.emplace_back(name, std::move(value));
  }

 private:
  const std::shared_ptr<Scope> parent_;
  std::vector<std::pair<NameId, Value>> values_;
};

}  // namespace verbatim::jinja
