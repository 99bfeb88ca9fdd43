#include "load/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/sha256.h"

namespace verbatim {

namespace {

constexpr std::string_view kLfsPointer = "version https://git-lfs.github.com/spec/";
constexpr std::int64_t kPieceBytes = std::int64_t{4} << 20;

std::string stamp_of(const struct stat& info) {
  auto nanoseconds = [](const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; };
  return fmt::format("{} {} {} {} {}", info.st_size, info.st_ino, info.st_dev, nanoseconds(info.st_mtim),
                     nanoseconds(info.st_ctim));
}

// Whether [begin, end) of the file could be read. data: the file's first byte
bool read_range(int fd, std::byte* data, std::int64_t begin, std::int64_t end) {
  while (begin < end) {
    ssize_t n = ::pread(fd, data + begin, static_cast<std::size_t>(end - begin), begin);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    begin += n;
  }
  return true;
}

bool read_whole(int fd, std::byte* data, std::int64_t size, ThreadPool* pool) {
  if (pool == nullptr) return read_range(fd, data, 0, size);
  std::atomic<bool> whole = true;
  pool->for_range(size, kPieceBytes, [&](std::int64_t begin, std::int64_t end, int) {
    if (!read_range(fd, data, begin, end)) whole = false;
  });
  return whole;
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  return open(path, false, nullptr);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::copy(const std::string& path, ThreadPool* pool) {
  return open(path, true, pool);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path, bool copied,
                                                           ThreadPool* pool) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO is no hang
  if (fd < 0) return fail("{}: cannot be opened: {}", path, std::strerror(errno));
  file->fd_ = fd;
  struct stat info {};
  if (::fstat(fd, &info) != 0) return fail("{}: cannot be examined: {}", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return fail("{}: not a regular file", path);
  if (info.st_size == 0) return fail("{}: the file is empty", path);
  auto size = static_cast<std::size_t>(info.st_size);
  void* data = copied ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                      : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return fail("{}: no memory for its {} bytes: {}", path, size, std::strerror(errno));

  file->data_ = static_cast<const std::byte*>(data);
  file->size_ = size;
  file->stamp_ = stamp_of(info);
  file->permissions_ = info.st_mode & 0777;
  if (copied) {
    ::madvise(data, size, MADV_HUGEPAGE);  // advice: refusal costs time only
    if (!read_whole(fd, static_cast<std::byte*>(data), info.st_size, pool) || !file->is_unchanged())
      return fail("{}: cannot be read whole, or changed while it was read", path);
  }
  if (size >= kLfsPointer.size() && std::memcmp(data, kLfsPointer.data(), kLfsPointer.size()) == 0)
    return fail("{}: is a Git LFS pointer, not the file that it stands for; `git lfs pull` fetches that",
                path);
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  if (fd_ >= 0) ::close(fd_);
}

bool MappedFile::is_unchanged() const {
  struct stat info {};
  return ::fstat(fd_, &info) == 0 && stamp_of(info) == stamp_;
}

std::string identity_of(std::span<const FileHeader> files) {
  Sha256 sha;
  for (const FileHeader& header : files) {
    std::error_code ignored;
    std::string path = std::filesystem::absolute(header.file.path(), ignored).string();
    std::span<const std::byte> bytes = header.file.bytes();
    sha.update(fmt::format("{}\n{}\n{}\n", path, header.file.stamp(), header.header_bytes));
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
