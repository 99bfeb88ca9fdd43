// MappedFile: a whole file, mapped read-only. The bytes are read from disk when touched; nothing is copied.
// Immutable and safe to share between threads. The file must not be truncated or written while it is mapped.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "parallel/thread_pool.h"

namespace verbatim {

class MappedFile {
 public:
  // Errors name the path and the system's reason. An empty file is an error, and so is a Git LFS pointer.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  // The bytes read into memory of our own instead, by the pool's threads where one is given: what becomes of the file
  // afterwards does not matter. A file that changes while it is read is an error.
  static Result<std::shared_ptr<const MappedFile>> copy(const std::string& path, ThreadPool* pool = nullptr);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // What tells this content from others without reading it: size, inode, device, times of modification and of change. The
  // last cannot be put back, as `cp -p` and `rsync -t` put back the other.
  const std::string& stamp() const { return stamp_; }
  mode_t permissions() const { return permissions_; }
  // Whether the file still is what it was when it was opened.
  bool is_unchanged() const;

 private:
  MappedFile() = default;
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path, bool copied,
                                                        ThreadPool* pool);
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int fd_ = -1;
  std::string stamp_;
  mode_t permissions_ = 0;
};

// SHA-256 over the absolute path, the stamp and the first `header_bytes` bytes of each file.
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
