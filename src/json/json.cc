#include "json/json.h"

template class nlohmann::detail::serializer<nlohmann::json>;
template class nlohmann::detail::serializer<nlohmann::ordered_json>;

namespace verbatim {

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

}  // namespace verbatim
