// Stop: the question whether long work is still wanted. Who does the work counts its units here, and the question is put after
// every 4096 of them. One object a piece of work; not for several threads.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace verbatim {

class Stop {
 public:
  static constexpr int kUnits = 4096;

  Stop() = default;  // never
  // asked(): true when the work shall end. It outlives this object.
  template <class Asked>
  explicit Stop(const Asked& asked)
      : asked_(&asked), ask_([](const void* of) -> bool { return (*static_cast<const Asked*>(of))(); }) {}

  // Counts a unit. True: end the work; from then on always, and nobody is asked again.
  bool due() {
    if (ask_ != nullptr && !told_ && ++units_ % kUnits == 0) told_ = ask_(asked_);
    return told_;
  }
  static Error error() { return fail("the work was stopped"); }

 private:
  const void* asked_ = nullptr;
  bool (*ask_)(const void*) = nullptr;
  std::int64_t units_ = 0;
  bool told_ = false;
};

}  // namespace verbatim
