#include "receipt/saved_receipt.h"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "load/json_file.h"

namespace verbatim {
namespace {

// nullptr: not there, or null
const Json* child(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

std::string string_at(const Json& json, const char* key) {
  const Json* value = child(json, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

bool is_receipt(const Json& json) { return string_at(json, "format").starts_with("verbatim-receipt"); }

// ---- what is shown beside a receipt ---------------------------------------------------------------

void add_texts(const Json& json, std::initializer_list<const char*> keys, ShownAnswer& shown) {
  for (const char* key : keys) {
    const Json* value = child(json, key);
    if (value == nullptr) continue;
    value->is_string() ? shown.text += value->get_ref<const std::string&>() : shown.unreadable = key;
  }
}

void add_tokens(const Json& ids, ShownAnswer& shown) {
  auto is_id = [](const Json& id) {
    return id.is_number_unsigned() && id.get<std::uint64_t>() <= std::numeric_limits<std::int32_t>::max();
  };
  if (!ids.is_array() || !std::ranges::all_of(ids, is_id)) return void(shown.unreadable = "token_ids");
  if (!shown.tokens) shown.tokens.emplace();
  for (const Json& id : ids) shown.tokens->push_back(id.get<std::int32_t>());
}

// Of /v1/responses: items, each with a list of parts.
void add_output(const Json& output, ShownAnswer& shown) {
  if (!output.is_array()) return void(shown.unreadable = "output");
  for (const Json& item : output) {
    const Json* parts = child(item, "content");
    if (parts == nullptr || !parts->is_array()) return void(shown.unreadable = "output");
    for (const Json& part : *parts) add_texts(part, {"text", "refusal"}, shown);
  }
}

// choice: of a whole response, or of an event of a stream; or a response of /v1/responses
void add_shown(const Json& choice, ShownAnswer& shown) {
  if (const Json* output = child(choice, "output")) {
    add_output(*output, shown);
    const std::string status = string_at(choice, "status");
    shown.reason = status == "completed" ? "stop" : status == "incomplete" ? "length" : status;
  } else {
    add_texts(choice, {"text"}, shown);
  }
  for (const char* part : {"message", "delta"}) {
    const Json* message = child(choice, part);
    if (message == nullptr) continue;
    add_texts(*message, {"reasoning_content", "content", "refusal"}, shown);
    const Json* calls = child(*message, "tool_calls");
    shown.tool_calls |= calls != nullptr && !calls->empty();
  }
  if (const Json* ids = child(choice, "token_ids")) add_tokens(*ids, shown);
  if (child(choice, "finish_reason") != nullptr) shown.reason = string_at(choice, "finish_reason");
}

// ---- finding ----------------------------------------------------------------------------------

class Finder {
 public:
  // choice: the value is one, or a list of them.  id: of the response around it
  void find(const Json& json, const std::string& where, bool choice = false, std::string id = "") {
    if (!json.is_structured()) return;
    if (is_receipt(json)) return add(json, where, {});
    if (std::string own = string_at(json, "id"); !own.empty()) id = std::move(own);
    const Json* receipt = child(json, "receipt");
    const bool with_receipt = receipt != nullptr && receipt->is_object();
    const Json* index = child(json, "index");
    const Place place(id, index != nullptr ? index->dump() : "0");
    if (json.is_object() && (choice || with_receipt)) add_shown(json, open_[place]);
    for (const auto& [key, value] : json.items()) {
      const std::string inside = fmt::format("{}{}{}", where, where.find(' ') == where.npos ? " " : "/", key);
      if (with_receipt && &value == receipt) {
        add(value, inside, std::move(open_.extract(place).mapped()));
        with_receipts_.insert(place.first);
      } else {
        find(value, inside, key == "choices" || (choice && json.is_array()), id);
      }
    }
  }

  // After the last value. An answer without a receipt, in a response of which others have one, is an entry too.
  std::vector<SavedReceipt> take(const std::string& file) {
    for (const auto& [place, shown] : open_) {
      if (!with_receipts_.contains(place.first) || (shown.text.empty() && !shown.tool_calls)) continue;
      const std::string where = fmt::format("{} choice {}", file, place.second);
      found_.push_back({where, fail("{}: has no receipt, and others of its response have one", where)});
    }
    return std::move(found_);
  }

 private:
  using Place = std::pair<std::string, std::string>;  // id of a response, index of a choice

  void add(const Json& json, const std::string& where, ShownAnswer shown) {
    found_.push_back({where, read_receipt(json, where), std::move(shown)});
  }

  std::vector<SavedReceipt> found_;
  std::map<Place, ShownAnswer> open_;    // answers whose receipt has not come yet
  std::set<std::string> with_receipts_;  // ids of responses
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Lines of a stream of events that hold no data.
bool is_between_events(std::string_view line) {
  constexpr std::string_view kFields[] = {"id:", "event:", "retry:", ":"};
  return line.empty() || std::ranges::any_of(kFields, [&](auto field) { return line.starts_with(field); });
}

// A file of lines: JSON values, or a stream of events.
Status find_in_lines(std::string_view text, const std::string& file, Finder& finder) {
  constexpr std::string_view kEvent = "data:";
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view one = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (is_between_events(one)) continue;
    if (one.starts_with(kEvent)) one = trimmed(one.substr(kEvent.size()));
    if (one == "[DONE]") continue;
    const std::string where = fmt::format("{}:{}", file, line);
    auto json = parse_json(one, where);
    if (!json) return json.error();
    finder.find(*json, where);
  }
  return {};
}

}  // namespace

Result<std::vector<SavedReceipt>> find_receipts(std::string_view text, const std::string& where) {
  Finder finder;
  if (auto json = parse_json(text, where)) {
    finder.find(*json, where);
  } else if (Status lines = find_in_lines(text, where, finder); !lines.ok()) {
    // What fails in its first line was not meant as lines.
    return lines.error().message.starts_with(where + ":1:") ? json.error() : lines.error();
  }
  std::vector<SavedReceipt> found = finder.take(where);
  if (found.empty())
    return fail("{}: holds no receipt; ask for one with \"receipt\": true, or verbatim run --receipt FILE",
                where);
  return found;
}

}  // namespace verbatim
