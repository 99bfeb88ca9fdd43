// JSON as text: reading a request's body with limits, and writing values straight into a string.
//
// Answers are written without a tree: a token's way to the socket is a few appends.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/library.h"

namespace verbatim::server {

// Keeps the order of keys: chat templates print objects as the client wrote them.
using OrderedJson = nlohmann::ordered_json;

// A body -> a tree. Refused, in one sentence: what json/reader.h refuses, more than a million values, a body that is
// not an object.
Result<OrderedJson> parse_body(std::string_view body);

// The value in a sentence: short, on one line.
std::string shown(const OrderedJson& value);

// An integer, or a real number without a fraction: clients write 5.0 for 5.
bool is_whole(const OrderedJson& value);
// nullopt: not whole, or beyond 64 bits
std::optional<std::int64_t> whole_number(const OrderedJson& value);

// Quoted and escaped; ill-formed UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
inline std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// The shortest decimal that reads back as the same float32.  REQUIRES: value is finite
void append_json_number(std::string& out, float value);
void append_json_number(std::string& out, std::int64_t value);

// [1,2,3]
void append_json_ids(std::string& out, std::span<const std::int32_t> ids);
// The bytes of a text: [104,105]
void append_json_bytes(std::string& out, std::string_view bytes);

}  // namespace verbatim::server
