// EngineThread: the one thread that drives the engine, and the door through which other threads reach it.
//
//   submit()  puts a task into the inbox, or refuses: the queue is full, or the server is going down
//   loop      takes the inbox into the engine, computes a step, tells tasks what came of it
//   cancel()  the client is gone: its answers end, its pages are free after the step that runs
//
// The thread sleeps while there is nothing to compute: no polling, no timer. Tasks are called on it, one at a
// time, so they must not block; they may call cancel().
//
// When a task is taken up depends on load; what it is told does not (engine.h).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "server/pace.h"

namespace verbatim::server {

// Some requests that belong together, and who wants their answers.
class EngineTask {
 public:
  virtual ~EngineTask() = default;

  // What is to be computed. Asked once, right before on_start(). Nothing: the client has gone meanwhile; then
  // no other call follows.
  virtual std::vector<GenerateRequest> take_requests() = 0;

  // The engine has the requests; `request` below is an index into them.
  virtual void on_start() = 0;
  virtual void on_prompt_token(std::size_t request, std::int64_t position, const Logprobs& logprobs) = 0;
  virtual void on_hidden(std::size_t request, std::int64_t choice, std::int64_t position,
                         const Sha256Digest& digest) = 0;
  virtual void on_token(std::size_t request, const TokenEvent& event) = 0;
  virtual void on_finish(std::size_t request, const Finish& finish) = 0;
  // Called between steps, about once a second, while the task is not done.
  virtual void on_wait() = 0;
  // The server stops: what follows are finishes with FinishReason::cancelled, if it was started at all.
  virtual void on_shutdown() = 0;
  // One of the calls above threw, so the answer cannot be completed. Others may follow, and must do nothing.
  virtual void on_lost() = 0;
};

class EngineThread {
 public:
  struct Options {
    std::int64_t max_queue = 1024;  // sequences that may wait; >= 1
  };
  enum class Admission : std::uint8_t { accepted, queue_full, shutting_down };

  EngineThread(std::unique_ptr<Engine> engine, const Options& options);
  ~EngineThread();  // stop()

  // Engine::check() and Engine::fits(), from any thread.
  Status check(const GenerateRequest& request) const { return engine_->check(request); }
  Status fits(const GenerateRequest& request) const { return engine_->fits(request); }

  // Any thread may call these.

  // requests: how many the task has.  REQUIRES: check() and fits() are ok for each of them
  Admission submit(std::shared_ptr<EngineTask> task, std::size_t requests);
  // Tasks that are done or unknown are ignored. A task that was still in the inbox is never started.
  void cancel(std::shared_ptr<EngineTask> task);

  // From now on new tasks are refused; those that are here go on.
  void drain();
  bool draining() const;
  // Until nothing is left to do, or until `deadline`. False: something is left.
  bool wait_idle(std::chrono::steady_clock::time_point deadline);
  // Ends what is left, and the thread.
  void stop();

  // When one that was told queue_full may ask again: how long those that wait take at the present pace, 1 to 60 s.
  std::chrono::seconds retry_after() const;

  // As of the last step; `waiting` counts the inbox too.
  EngineStats stats() const;

 private:
  class Tap;
  struct Entry {
    // False: it threw, which costs this task alone.
    template <class Call>
    bool tell(Call call);

    std::shared_ptr<EngineTask> task;
    std::vector<std::unique_ptr<Tap>> taps;
    std::vector<RequestId> ids;
    std::size_t open_answers = 0;
  };
  struct Submission {
    std::shared_ptr<EngineTask> task;
    std::size_t requests = 0;
  };

  void run();
  void step();
  bool take_inbox();
  void start(std::shared_ptr<EngineTask> task);
  void cancel_now(const EngineTask* task);
  void remove_finished();
  void tell_waiting();
  void publish();
  void shut_down();
  std::int64_t waiting_locked() const;

  const std::unique_ptr<Engine> engine_;
  const Options options_;

  // The engine thread's own
  std::map<const EngineTask*, Entry> entries_;
  std::vector<const EngineTask*> finished_;
  std::int64_t answers_ended_ = 0;  // in this step
  std::chrono::steady_clock::time_point next_wait_;

  mutable std::mutex mutex_;
  std::condition_variable work_, idle_;
  std::vector<Submission> inbox_;
  std::vector<std::shared_ptr<EngineTask>> cancelled_;
  bool draining_ = false, stopping_ = false, busy_ = false;
  EngineStats stats_;
  Pace pace_;

  std::thread thread_;  // last: started when all else is there
};

}  // namespace verbatim::server
