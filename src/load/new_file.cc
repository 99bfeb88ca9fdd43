#include "load/new_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace verbatim {
namespace {

constexpr std::string_view kTemporary = ".tmp";

std::string name_in_proc(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

// A file without a name, to be linked through /proc; -1 where that cannot be done.
int open_nameless(const std::string& path, mode_t mode) {
  if (::access("/proc/self/fd", X_OK) != 0) return -1;
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return ::open(folder.empty() ? "." : folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
}

// A file of this name, made by us and locked; an earlier process's file of the same name gives way.
int open_named(const std::string& name, mode_t mode) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = ::open(name.c_str(), kFlags, mode);
  if (fd < 0 && errno == EEXIST && ::unlink(name.c_str()) == 0) fd = ::open(name.c_str(), kFlags, mode);
  if (fd >= 0) ::flock(fd, LOCK_EX | LOCK_NB);  // no lock on this file system: its leftovers look abandoned
  return fd;
}

// "NAME.123.tmp" -> "NAME"; anything else -> ""
std::string_view name_of_leftover(std::string_view name) {
  if (!name.ends_with(kTemporary)) return "";
  name.remove_suffix(kTemporary.size());
  std::size_t dot = name.rfind('.');
  if (dot == name.npos || dot + 1 == name.size()) return "";
  bool digits = std::ranges::all_of(name.substr(dot + 1), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? name.substr(0, dot) : "";
}

}  // namespace

Result<NewFile> NewFile::create(const std::string& path, mode_t mode) {
  struct stat present {};
  if (::stat(path.c_str(), &present) == 0 && !S_ISREG(present.st_mode))
    return fail("{}: is not a regular file, and is not replaced", path);
  std::string temporary = fmt::format("{}.{}{}", path, ::getpid(), kTemporary);
  int fd = open_nameless(path, mode);
  bool named = fd < 0;
  if (named) fd = open_named(temporary, mode);
  if (fd < 0) return fail("{}: cannot be created: {}", temporary, std::strerror(errno));
  return NewFile(fd, path, temporary, named);
}

NewFile::NewFile(int fd, std::string path, std::string temporary, bool named)
    : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)), named_(named) {}

NewFile::NewFile(NewFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      named_(std::exchange(other.named_, false)) {}

NewFile::~NewFile() {
  if (fd_ >= 0) ::close(fd_);
  if (named_) ::unlink(temporary_.c_str());
}

Status NewFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail("{}: cannot be written: {}", path_, std::strerror(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

// A link replaces nothing: where the path is taken, the file gets its temporary name for a moment.
Status NewFile::link_name() {
  auto link_as = [&](const std::string& name) {
    return ::linkat(AT_FDCWD, name_in_proc(fd_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  ::flock(fd_, LOCK_EX | LOCK_NB);
  if (link_as(path_)) return {};
  named_ =
      errno == EEXIST && (link_as(temporary_) || (::unlink(temporary_.c_str()) == 0 && link_as(temporary_)));
  return named_ ? Status() : fail("{}: cannot be put in place: {}", path_, std::strerror(errno));
}

Status NewFile::put_in_place() {
  if (!named_) {
    if (Status linked = link_name(); !linked) return linked;
  }
  if (::close(std::exchange(fd_, -1)) != 0 || (named_ && ::rename(temporary_.c_str(), path_.c_str()) != 0))
    return fail("{}: cannot be put in place: {}", path_, std::strerror(errno));
  named_ = false;
  return {};
}

void remove_abandoned(const std::string& folder, std::string_view ending) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder.empty() ? "." : folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name_of_leftover(name).ends_with(ending) || name_of_leftover(name).empty()) continue;
    int fd = ::open(entry.path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) continue;
    struct stat info {};
    if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && ::flock(fd, LOCK_EX | LOCK_NB) == 0)
      ::unlink(entry.path().c_str());
    ::close(fd);
  }
}

}  // namespace verbatim
