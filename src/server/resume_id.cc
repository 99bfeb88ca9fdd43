#include "server/resume_id.h"

#include <algorithm>
#include <charconv>

namespace verbatim::server {
namespace {

bool is_hex(std::string_view text, std::size_t digits) {
  auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == digits && std::ranges::all_of(text, hex);
}

bool read_number(std::string_view text, int base, std::int64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && out >= 0;
}

// The text up to the next point, which is taken off.
std::string_view take_part(std::string_view& text) {
  std::size_t end = std::min(text.find('.'), text.size());
  std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

bool is_nonce(std::string_view text) { return is_hex(text, 16); }

Result<ResumeId> parse_resume_id(std::string_view text) {
  Error error =
      fail("Last-Event-ID is not one of this server's event ids; send the id of the last event unchanged");
  if (text.size() > 128) return error;
  std::string_view rest = text;
  std::string_view nonce = take_part(rest), created = take_part(rest), digest = take_part(rest);
  ResumeId id{std::string(nonce), 0, std::string(digest), 0};
  bool well_formed = is_nonce(nonce) && is_hex(digest, 24) && read_number(created, 16, id.created) &&
                     read_number(rest, 10, id.event);
  if (!well_formed || id.text() != text) return error;
  return id;
}

}  // namespace verbatim::server
