#include "json/reader.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "json/json.h"

namespace verbatim {
namespace {

void append(nlohmann::json::object_t& object, std::string key, nlohmann::json value) {
  object.emplace(std::move(key), std::move(value));
}
// Its emplace() would look for the key among those before it.
void append(nlohmann::ordered_json::object_t& object, std::string key, nlohmann::ordered_json value) {
  object.emplace_back(std::move(key), std::move(value));
}

// Receives the library's events (its SAX interface), and builds each array and object at its end, at its size: a growing
// ordered object would copy what it holds.
template <class Tree>
class TreeBuilder {
 public:
  explicit TreeBuilder(JsonLimits limits) : limits_(limits) {}

  Tree take() { return std::move(values_.front()); }
  const std::string& complaint() const { return complaint_; }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(typename Tree::number_integer_t value) { return put(value); }
  bool number_unsigned(typename Tree::number_unsigned_t value) { return put(value); }
  bool number_float(typename Tree::number_float_t value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(typename Tree::binary_t&) { return refuse("is not text"); }

  bool start_array(std::size_t) { return open(); }
  bool end_array() {
    const std::size_t first = close().values;
    const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(first);
    typename Tree::array_t array(std::make_move_iterator(begin), std::make_move_iterator(values_.end()));
    values_.erase(begin, values_.end());
    values_.emplace_back(std::move(array));
    return true;
  }

  bool start_object(std::size_t) { return open(); }
  bool key(std::string& key) {
    keys_.push_back(std::move(key));
    return true;
  }
  bool end_object() {
    const Open begin = close();
    if (!keys_differ(begin.keys)) return false;
    typename Tree::object_t object;
    if constexpr (requires { object.reserve(1); }) object.reserve(keys_.size() - begin.keys);
    for (std::size_t i = begin.keys; i < keys_.size(); ++i)
      append(object, std::move(keys_[i]), std::move(values_[begin.values + i - begin.keys]));
    keys_.resize(begin.keys);
    values_.resize(begin.values);
    values_.emplace_back(std::move(object));
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
    return refuse(std::string(json_complaint(error)));
  }

 private:
  struct Open {  // where the values and keys of an array or object begin
    std::size_t values, keys;
  };

  bool refuse(std::string complaint) {
    complaint_ = std::move(complaint);
    return false;
  }
  bool count() {
    return ++count_ <= limits_.values || refuse(fmt::format("more than {} values", limits_.values));
  }
  template <class Value>
  bool put(Value&& value) {
    if (!count()) return false;
    values_.emplace_back(std::forward<Value>(value));
    return true;
  }
  bool open() {
    if (open_.size() == limits_.depth) return refuse(fmt::format("nested deeper than {}", limits_.depth));
    open_.push_back({values_.size(), keys_.size()});
    return count();
  }
  Open close() {
    const Open last = open_.back();
    open_.pop_back();
    return last;
  }
  // By sorting: no choice of keys makes that slow, as one can for a hash table.
  bool keys_differ(std::size_t first) {
    sorted_.assign(keys_.begin() + static_cast<std::ptrdiff_t>(first), keys_.end());
    std::ranges::sort(sorted_);
    const auto twice = std::ranges::adjacent_find(sorted_);
    return twice == sorted_.end() ||
           refuse(fmt::format("the key {} occurs twice in an object", shown(Json(*twice))));
  }

  const JsonLimits limits_;
  std::size_t count_ = 0;
  std::vector<Tree> values_;       // complete, of what is open
  std::vector<std::string> keys_;  // of the objects that are open
  std::vector<Open> open_;
  std::vector<std::string_view> sorted_;
  std::string complaint_;
};

template <class Tree>
Result<Tree> parse(std::string_view text, const std::string& where, JsonLimits limits) {
  TreeBuilder<Tree> builder(limits);
  if (!Tree::sax_parse(text.begin(), text.end(), &builder)) return fail("{}: {}", where, builder.complaint());
  return builder.take();
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, const std::string& where, JsonLimits limits) {
  return parse<nlohmann::json>(text, where, limits);
}

Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text, const std::string& where,
                                                  JsonLimits limits) {
  return parse<nlohmann::ordered_json>(text, where, limits);
}

}  // namespace verbatim
