// Keys: what a family of models reads of a file's configuration beyond the keys that all have, whatever the format.
//
// The reader behind it remembers the first complaint, as GgufKeys and JsonKeys do; `configure` (architecture.h) need not stop.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace verbatim {

// One number by its names in both formats. Empty: that format has no such key.
struct Key {
  std::string_view gguf;  // below the architecture's name: "attention.sliding_window"
  std::string_view hugging_face;
};

class Keys {
 public:
  // Absent: nullopt. Present with another type: nullopt and a complaint.
  virtual std::optional<std::int64_t> integer(Key key) = 0;
  virtual std::optional<bool> flag(Key key) = 0;
  virtual std::optional<std::vector<std::int64_t>> integers(Key key) = 0;

  // "FILE: key 'KEY' COMPLAINT"
  virtual void refuse(Key key, std::string_view complaint) = 0;

 protected:
  ~Keys() = default;
};

}  // namespace verbatim
