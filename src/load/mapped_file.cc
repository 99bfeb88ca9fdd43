#include "load/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/sha256.h"

namespace verbatim {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail("{}: cannot be opened: {}", path, std::strerror(errno));
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};

  struct stat info {};
  if (::fstat(fd, &info) != 0) return fail("{}: cannot be examined: {}", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return fail("{}: not a regular file", path);
  if (info.st_size == 0) return fail("{}: the file is empty", path);
  auto size = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return fail("{}: cannot be mapped: {}", path, std::strerror(errno));

  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->data_ = static_cast<const std::byte*>(data);
  file->size_ = size;
  file->modified_ns_ = std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::string identity_of(std::span<const FileHeader> files) {
  Sha256 sha;
  for (const FileHeader& header : files) {
    std::error_code ignored;
    std::string path = std::filesystem::absolute(header.file.path(), ignored).string();
    std::span<const std::byte> bytes = header.file.bytes();
    sha.update(
        fmt::format("{}\n{}\n{}\n{}\n", path, bytes.size(), header.file.modified_ns(), header.header_bytes));
    sha.update(bytes.data(), std::min<std::uint64_t>(header.header_bytes, bytes.size()));
  }
  return sha.hex();
}

void prefetch_pages(const std::byte* data, std::int64_t bytes) {
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(data) / page * page;
  std::uintptr_t end = reinterpret_cast<std::uintptr_t>(data) + static_cast<std::uintptr_t>(bytes);
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);  // advice: refusal costs time only
}

void forget_pages(const std::byte* data, std::int64_t bytes) {
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
  std::uintptr_t end =
      (reinterpret_cast<std::uintptr_t>(data) + static_cast<std::uintptr_t>(bytes)) / page * page;
  // Advice on a read-only file mapping: refusal costs memory, never bytes.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace verbatim
