// MappedFile: a whole file, mapped read-only. The bytes are read from disk when touched; nothing is copied.
// Immutable and safe to share between threads. The file must not be truncated while it is mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace verbatim {

class MappedFile {
 public:
  // Errors name the path and the system's reason. An empty file is an error.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::int64_t modified_ns() const { return modified_ns_; }  // last modification, nanoseconds since 1970

 private:
  MappedFile() = default;
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::int64_t modified_ns_ = 0;
};

// SHA-256 over the absolute path, size, time of change and first `header_bytes` bytes of each file.
struct FileHeader {
  const MappedFile& file;
  std::uint64_t header_bytes;
};
std::string identity_of(std::span<const FileHeader> files);

// Asks the kernel to read the pages of [data, data + bytes) of a file mapping ahead of their use.
void prefetch_pages(const std::byte* data, std::int64_t bytes);

// Tells the kernel that the pages wholly inside [data, data + bytes)
// of a file mapping are not needed any more.
void forget_pages(const std::byte* data, std::int64_t bytes);

}  // namespace verbatim
