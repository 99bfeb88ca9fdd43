// MaskWorker: one thread that finds what constraints allow, beside the engine's: a schema whose masks take long delays the
// answers that wait for them and nobody else. The thread begins with the first job.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "constrain/constraint.h"

namespace verbatim {

class MaskWorker {
 public:
  using Key = std::int64_t;
  struct Done {
    Key key = 0;
    std::shared_ptr<const TokenBits> mask;  // nullptr: there was no memory for it
  };

  MaskWorker() = default;
  ~MaskWorker();
  MaskWorker(const MaskWorker&) = delete;
  MaskWorker& operator=(const MaskWorker&) = delete;

  void post(Key key, MaskJob job);
  // What was posted under this key is wanted no more. It may be among what take_done() gives all the same.
  void forget(Key key);
  // What was found since the last time.
  std::vector<Done> take_done();
  // Until something is found, or for so long.
  void wait_for(std::chrono::milliseconds most);

 private:
  struct Posted {
    Key key = 0;
    MaskJob job;
  };

  void run();

  std::mutex mutex_;
  std::condition_variable posted_cv_, done_cv_;
  std::deque<Posted> posted_;
  std::vector<Done> done_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace verbatim
