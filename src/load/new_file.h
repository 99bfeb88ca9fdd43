// NewFile: a file written under a temporary name and renamed when it is complete, so that its path never
// shows half of it. Dropped before that, it leaves nothing behind.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace verbatim {

class NewFile {
 public:
  static Result<NewFile> create(const std::string& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  Status write(std::span<const std::byte> bytes);
  Status put_in_place();  // replaces what was at the path; nothing can be written after

 private:
  NewFile(int fd, std::string path, std::string temporary);
  int fd_;
  std::string path_, temporary_;
};

}  // namespace verbatim
