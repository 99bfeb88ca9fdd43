// JSON of model folders, read with limits, and typed access that remembers the first complaint
// (as GgufKeys does).
#pragma once

#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace verbatim {

using Json = nlohmann::json;

// What an exception of the JSON library says, without the library's label.
std::string_view json_complaint(const std::exception& error);

// A value in a sentence: short, on one line.
std::string shown(const Json& value);

// An integer that T can hold. Throws the JSON library's type_error for all else; the library itself would convert 1e30, and
// what comes of that is not defined.
template <class T>
T integer_of(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    if (std::in_range<T>(value)) return static_cast<T>(value);
  } else if (json.is_number_integer()) {
    const auto value = json.get<std::int64_t>();
    if (std::in_range<T>(value)) return static_cast<T>(value);
  }
  throw Json::type_error::create(302, fmt::format("{} is no integer of {} bits", shown(json), 8 * sizeof(T)),
                                 &json);
}

// A list of them.
template <class T>
std::vector<T> integers_of(const Json& json) {
  std::vector<T> integers;
  for (const Json& each : json.get_ref<const Json::array_t&>()) integers.push_back(integer_of<T>(each));
  return integers;
}

// text -> a tree. Throws an exception that json_complaint() reads: syntax errors, nesting deeper than 64, a key that
// occurs twice in an object.   Tree: a nlohmann::basic_json
template <class Tree>
Tree parse_strictly(std::string_view text) {
  constexpr int kMostDepth = 64;
  std::vector<std::set<std::string, std::less<>>> keys;  // of the objects that are open
  auto watch = [&](int depth, typename Tree::parse_event_t event, Tree& parsed) {
    using Event = typename Tree::parse_event_t;
    if (depth > kMostDepth) throw std::runtime_error(fmt::format("nested deeper than {}", kMostDepth));
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.template get<std::string>()).second)
      throw std::runtime_error(fmt::format("the key {} occurs twice in an object", shown(Json(parsed))));
    return true;
  };
  return Tree::parse(text.begin(), text.end(), watch);
}

// The same without exceptions; the error begins with `where`.
Result<Json> parse_json(std::string_view text, const std::string& where);

// A file of at most 256 MiB.
Result<Json> read_json_file(const std::string& path);
// Likewise; no file is an empty object.
Result<Json> read_json_if_present(const std::string& path);

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
