// NewFile: a file that appears at its path when it is complete, so that the path never shows half of it.
//
// Where the file system allows it (O_TMPFILE) the file has no name until then: whatever ends the program, nothing is left
// behind. Elsewhere it is written as PATH.PID.tmp, which its writer holds locked, and which `remove_abandoned` removes
// when nobody does.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace verbatim {

class NewFile {
 public:
  // mode: the file's permissions, less the process's umask. What is at the path already must be a regular file.
  static Result<NewFile> create(const std::string& path, mode_t mode = 0666);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  Status write(std::span<const std::byte> bytes);
  Status put_in_place();  // replaces what was at the path; nothing can be written after

 private:
  NewFile(int fd, std::string path, std::string temporary, bool named);
  Status link_name();
  int fd_;
  std::string path_, temporary_;
  bool named_;  // `temporary_` exists
};

// Removes files of `folder` that are called *ENDING.PID.tmp and that no process is writing.
void remove_abandoned(const std::string& folder, std::string_view ending);

}  // namespace verbatim
