// ThreadPool: a fixed set of threads that divide the outputs of one operation.
//
// Which thread computes an output is no concern of the arithmetic: every output is computed whole by one
// thread, in an order the operation fixes. So the number of threads, and who gets which part, cannot be seen
// in any bit. A thread that comes late finds its part taken by another, so no run waits for a processor that is
// busy elsewhere. Not thread safe: one caller at a time, and a task gives no work to the pool that runs it.
// A thread that does not keep subnormals ends the program with a sentence (base/float_environment.h).
// REQUIRES: no task throws
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace verbatim {

class ThreadPool {
 public:
  // threads: how many work together, the caller among them; 1 starts none.  REQUIRES: threads >= 1
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return size_; }

  // Runs task(part) once for every part in [0, size()), and returns when all are done. Each part has a thread of its
  // own where all threads come in time.
  void run(const std::function<void(int part)>& task);

  // Cuts [0, count) into at most size() contiguous ranges whose inner bounds are multiples of `grain`, and
  // runs body(begin, end, part) for each that is not empty.
  void for_range(std::int64_t count, std::int64_t grain,
                 const std::function<void(std::int64_t begin, std::int64_t end, int part)>& body);

 private:
  class Workers;
  int size_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace verbatim
