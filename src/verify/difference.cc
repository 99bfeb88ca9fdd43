#include "verify/difference.h"

#include <algorithm>

#include "server/event_stream.h"

namespace verbatim {
namespace {

// What stands in a long text around its byte `at`, in quotes, on one line.
std::string excerpt(const std::string& text, std::size_t at) {
  constexpr std::size_t kBefore = 16, kBytes = 56;
  std::size_t begin = at > kBefore ? at - kBefore : 0;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  const Json part =
      (begin > 0 ? "..." : "") + text.substr(begin, kBytes) + (begin + kBytes < text.size() ? "..." : "");
  return part.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Two values in a sentence; of two texts the part in which they differ.
std::string both_shown(const Json& found, const Json& expected) {
  if (!found.is_string() || !expected.is_string())
    return fmt::format("is {}, must be {}", shown(found), shown(expected));
  const auto &a = found.get_ref<const std::string&>(), &b = expected.get_ref<const std::string&>();
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  return fmt::format("is {}, must be {}", excerpt(a, at), excerpt(b, at));
}

std::string escaped(std::string key) {
  for (std::size_t at = 0; (at = key.find_first_of("~/", at)) != key.npos; at += 2)
    key.replace(at, 1, key[at] == '~' ? "~0" : "~1");
  return '/' + key;
}

std::optional<FirstDifference> inside(std::string_view place, std::optional<FirstDifference> difference) {
  if (difference) difference->place.insert(0, place);
  return difference;
}

std::optional<FirstDifference> of_objects(const Json& found, const Json& expected) {
  for (const auto& [key, value] : expected.items()) {
    auto here = found.find(key);
    if (here == found.end()) return FirstDifference{escaped(key), "is missing, must be " + shown(value)};
    if (auto difference = inside(escaped(key), first_difference(*here, value))) return difference;
  }
  for (const auto& [key, value] : found.items())
    if (!expected.contains(key))
      return FirstDifference{escaped(key), fmt::format("is {}, must not be there", shown(value))};
  return std::nullopt;
}

std::optional<FirstDifference> of_arrays(const Json& found, const Json& expected) {
  for (std::size_t i = 0; i < std::max(found.size(), expected.size()); ++i) {
    const std::string place = fmt::format("/{}", i);
    if (i >= found.size()) return FirstDifference{place, "is missing, must be " + shown(expected[i])};
    if (i >= expected.size())
      return FirstDifference{place, fmt::format("is {}, must not be there", shown(found[i]))};
    if (auto difference = inside(place, first_difference(found[i], expected[i]))) return difference;
  }
  return std::nullopt;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Of two events that are not the same bytes.
FirstDifference of_events(std::string_view found, std::string_view expected) {
  constexpr std::string_view kData = "data: ";
  while (!found.empty() || !expected.empty()) {
    const std::string_view a = take_line(found), b = take_line(expected);
    if (a == b) continue;
    if (a.starts_with(kData) && b.starts_with(kData)) {
      auto left = parse_json(a.substr(kData.size()), ""), right = parse_json(b.substr(kData.size()), "");
      if (left && right)
        if (auto difference = first_difference(*left, *right)) return *difference;
    }
    return {"", "has the line " + both_shown(std::string(a), std::string(b)).substr(3)};
  }
  return {"", "has other line ends than a server writes"};
}

}  // namespace

std::optional<FirstDifference> first_difference(const Json& found, const Json& expected) {
  if (found.is_object() && expected.is_object()) return of_objects(found, expected);
  if (found.is_array() && expected.is_array()) return of_arrays(found, expected);
  if (found == expected) return std::nullopt;
  return FirstDifference{"", both_shown(found, expected)};
}

std::optional<FirstDifference> first_difference(std::string_view found,
                                                const std::vector<std::string>& expected,
                                                std::int64_t first) {
  std::size_t i = 0;
  while (!found.empty() || i < expected.size()) {
    if (found.starts_with(server::kKeepAliveText)) {
      found.remove_prefix(server::kKeepAliveText.size());
    } else if (i < expected.size() && found.starts_with(expected[i])) {
      found.remove_prefix(expected[i++].size());
    } else {
      const std::string place = fmt::format("/events/{}", first + static_cast<std::int64_t>(i));
      const bool next_follows = i + 1 < expected.size() && found.starts_with(expected[i + 1]);
      if (found.empty() || next_follows) return FirstDifference{place, "is missing"};
      const std::string_view event = found.substr(0, found.find("\n\n") + 2);  // all, where there is no end
      if (i == expected.size())
        return FirstDifference{place,
                               fmt::format("is {}, after the stream's end", excerpt(std::string(event), 0))};
      return inside(place, of_events(event, expected[i]));
    }
  }
  return std::nullopt;
}

}  // namespace verbatim
