// Typed access to the keys of an object that remembers the first complaint (as GgufKeys does).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "json/json.h"

namespace verbatim {

// An object and where it stands, e.g. "model/config.json" and "rope_scaling.".
class JsonKeys {
 public:
  // status: collects the first complaint of this object and of those inside it; must outlive this
  JsonKeys(const Json& object, std::string where, std::string prefix, Status& status)
      : object_(object), where_(std::move(where)), prefix_(std::move(prefix)), status_(status) {
    if (!object.is_object()) refuse("", "is not an object");
  }

  bool ok() const { return status_.ok(); }
  // "WHERE: key 'PREFIX.KEY' COMPLAINT"
  void refuse(std::string_view key, std::string_view complaint) {
    if (ok()) status_ = fail("{}: key '{}{}' {}", where_, prefix_, key, complaint);
  }

  // nullptr when absent or null
  const Json* find(std::string_view key) const {
    if (!object_.is_object()) return nullptr;
    auto it = object_.find(key);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }

  // Absent or null: nullopt. Of another type: nullopt and a complaint.
  std::optional<std::int64_t> integer(std::string_view key);
  std::optional<double> real(std::string_view key);  // integers count
  std::optional<bool> flag(std::string_view key);
  std::optional<std::string> string(std::string_view key);
  const Json* object(std::string_view key);
  const Json* array(std::string_view key);

  // Absent: zero and a complaint.
  std::int64_t required_integer(std::string_view key);
  double required_real(std::string_view key);

  // The object at `key`, which must be there.
  JsonKeys inside(std::string_view key) {
    return JsonKeys(*find(key), where_, prefix_ + std::string(key) + ".", status_);
  }
  const std::string& where() const { return where_; }

 private:
  const Json* typed(std::string_view key, bool (Json::*is)() const noexcept, std::string_view wanted);

  const Json& object_;
  std::string where_, prefix_;
  Status& status_;
};

}  // namespace verbatim
