#include "load/json_file.h"

#include <filesystem>

#include "load/mapped_file.h"

namespace verbatim {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20;

}  // namespace

Result<Json> read_json_file(const std::string& path) {
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::copy(path);
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

}  // namespace verbatim
