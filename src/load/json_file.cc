#include "load/json_file.h"

#include <filesystem>
#include <limits>

#include "load/mapped_file.h"

namespace verbatim {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20;

}  // namespace

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

// "[json.exception.parse_error.101] parse error at line 1, column 5: ..."
std::string_view json_complaint(const std::exception& error) {
  const std::string_view what = error.what();
  const std::size_t end = what.find("] ");
  return what.starts_with("[json.") && end != what.npos ? what.substr(end + 2) : what;
}

Result<Json> parse_json(std::string_view text, const std::string& where) {
  try {
    return parse_strictly<Json>(text);
  } catch (const std::exception& error) {
    return fail("{}: {}", where, json_complaint(error));
  }
}

Result<Json> read_json_file(const std::string& path) {
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file) return file.error();
  std::span<const std::byte> bytes = (*file)->bytes();
  if (bytes.size() > kMostBytes)
    return fail("{}: has {} bytes, more than {}", path, bytes.size(), kMostBytes);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

Result<Json> read_json_if_present(const std::string& path) {
  if (!std::filesystem::exists(path)) return Json(Json::object());
  return read_json_file(path);
}

const Json* JsonKeys::typed(std::string_view key, bool (Json::*is)() const noexcept,
                            std::string_view wanted) {
  const Json* value = find(key);
  if (value == nullptr || (value->*is)()) return value;
  refuse(key, fmt::format("is {}, not {}", shown(*value), wanted));
  return nullptr;
}

std::optional<std::int64_t> JsonKeys::integer(std::string_view key) {
  const Json* value = typed(key, &Json::is_number_integer, "an integer");
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
    refuse(key, "is too large");
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

std::optional<double> JsonKeys::real(std::string_view key) {
  const Json* value = typed(key, &Json::is_number, "a number");
  return value == nullptr ? std::nullopt : std::optional(value->get<double>());
}

std::optional<bool> JsonKeys::flag(std::string_view key) {
  const Json* value = typed(key, &Json::is_boolean, "a boolean");
  return value == nullptr ? std::nullopt : std::optional(value->get<bool>());
}

std::optional<std::string> JsonKeys::string(std::string_view key) {
  const Json* value = typed(key, &Json::is_string, "a string");
  return value == nullptr ? std::nullopt : std::optional(value->get<std::string>());
}

const Json* JsonKeys::object(std::string_view key) { return typed(key, &Json::is_object, "an object"); }
const Json* JsonKeys::array(std::string_view key) { return typed(key, &Json::is_array, "an array"); }

std::int64_t JsonKeys::required_integer(std::string_view key) {
  if (find(key) == nullptr) refuse(key, "is missing");
  return integer(key).value_or(0);
}

double JsonKeys::required_real(std::string_view key) {
  if (find(key) == nullptr) refuse(key, "is missing");
  return real(key).value_or(0);
}

}  // namespace verbatim
