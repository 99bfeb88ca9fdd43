#include "verify/saved_answer.h"

#include <algorithm>
#include <array>

namespace verbatim {
namespace {

constexpr const char* kAskForOne = "ask for one with \"receipt\": true, or verbatim run --receipt FILE";

// nullptr: not there, or null
const Json* child(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

bool is_receipt(const Json& json) {
  const Json* format = child(json, "format");
  return format != nullptr && format->is_string() &&
         format->get_ref<const std::string&>().starts_with("verbatim-receipt");
}

std::string place_in(const std::string& where, std::string_view place) {
  return fmt::format("{}{}{}", where, where.find(' ') == where.npos ? " " : "/", place);
}

void add_receipt(const Json& json, const std::string& where, std::vector<SavedReceipt>& out) {
  out.push_back({where, read_receipt(json, where)});
}

// Where a response has its receipts: in its choices, or at its top.
std::vector<SavedReceipt> receipts_of(const Json& response, const std::string& where) {
  std::vector<SavedReceipt> found;
  if (const Json* receipt = child(response, "receipt"))
    add_receipt(*receipt, place_in(where, "receipt"), found);
  const Json* choices = child(response, "choices");
  for (std::size_t i = 0; choices != nullptr && choices->is_array() && i < choices->size(); ++i)
    if (const Json* receipt = child((*choices)[i], "receipt"))
      add_receipt(*receipt, place_in(where, fmt::format("choices/{}/receipt", i)), found);
  return found;
}

SavedAnswer unreadable(const std::string& where, Error error) {
  SavedAnswer answer;
  answer.receipts.push_back({where, std::move(error)});
  return answer;
}

SavedAnswer none_in(const std::string& where) {
  return unreadable(
      where, fail("{}: holds no receipt where a receipt, or a response around receipts, has one; {}", where,
                  kAskForOne));
}

void find_in_value(Json json, const std::string& where, std::vector<SavedAnswer>& out) {
  if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i)
      find_in_value(std::move(json[i]), place_in(where, fmt::to_string(i)), out);
    return;
  }
  SavedAnswer answer;
  if (is_receipt(json)) {
    add_receipt(json, where, answer.receipts);
  } else {
    answer.form = SavedAnswer::Form::body;
    answer.receipts = receipts_of(json, where);
    answer.body = std::move(json);
  }
  out.push_back(answer.receipts.empty() ? none_in(where) : std::move(answer));
}

// Calls f(line, its number), lines counted from 1.
template <class F>
void for_each_line(std::string_view text, F f) {
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    f(text.substr(0, end), line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool is_stream(std::string_view text) {
  constexpr std::array<std::string_view, 5> kFields = {"id:", "event:", "data:", "retry:", ":"};
  return std::ranges::any_of(kFields, [&](auto field) { return text.starts_with(field); });
}

SavedAnswer stream_of(std::string_view text, const std::string& where) {
  constexpr std::string_view kData = "data:";
  SavedAnswer answer{SavedAnswer::Form::stream, {}, {}, std::string(text)};
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    if (!line.starts_with(kData) || line.find("\"receipt\"") == line.npos) return;
    const std::string here = fmt::format("{}:{}", where, number);
    auto event = parse_json(line.substr(kData.size()), here);
    if (!event) return;  // the comparison names it
    const Json* response = child(*event, "response");
    const std::string place = response != nullptr ? place_in(here, "response") : here;
    std::ranges::move(receipts_of(response != nullptr ? *response : *event, place),
                      std::back_inserter(answer.receipts));
  });
  return answer.receipts.empty() ? none_in(where) : answer;
}

Status find_in_lines(std::string_view text, const std::string& where, std::vector<SavedAnswer>& out) {
  Status status;
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    if (!status.ok() || line.find_first_not_of(" \t\r") == line.npos) return;
    const std::string here = fmt::format("{}:{}", where, number);
    auto json = parse_json(line, here);
    json ? find_in_value(*std::move(json), here, out) : void(status = json.error());
  });
  return status;
}

}  // namespace

Result<std::vector<SavedAnswer>> find_answers(std::string_view text, const std::string& where) {
  std::vector<SavedAnswer> found;
  if (is_stream(text)) {
    found.push_back(stream_of(text, where));
  } else if (auto json = parse_json(text, where)) {
    find_in_value(*std::move(json), where, found);
  } else if (Status lines = find_in_lines(text, where, found); !lines.ok()) {
    // What fails in its first line was not meant as lines.
    return lines.error().message.starts_with(where + ":1:") ? json.error() : lines.error();
  }
  if (found.empty()) return fail("{}: holds no receipt; {}", where, kAskForOne);
  return found;
}

}  // namespace verbatim
