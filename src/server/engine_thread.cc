#include "server/engine_thread.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

namespace verbatim::server {

using std::chrono::steady_clock;

template <class Call>
bool EngineThread::Entry::tell(Call call) {
  try {
    call(*task);
    return true;
  } catch (const std::exception& error) {
    fmt::print(stderr, "verbatim: a request is lost: {}\n", error.what());
    task->on_lost();
    return false;
  }
}

// Hands what the engine says of one request on to its task, and counts the answers that are still open.
class EngineThread::Tap final : public TokenSink {
 public:
  Tap(EngineThread& thread, Entry& entry, std::size_t request)
      : thread_(thread), entry_(entry), request_(request) {}

  void on_prompt_token(std::int64_t position, const Logprobs& logprobs) override {
    entry_.tell([&](EngineTask& task) { task.on_prompt_token(request_, position, logprobs); });
  }
  void on_hidden(std::int64_t choice, std::int64_t position, const Sha256Digest& digest) override {
    entry_.tell([&](EngineTask& task) { task.on_hidden(request_, choice, position, digest); });
  }
  void on_token(const TokenEvent& event) override {
    entry_.tell([&](EngineTask& task) { task.on_token(request_, event); });
  }
  void on_finish(const Finish& finish) override {
    entry_.tell([&](EngineTask& task) { task.on_finish(request_, finish); });
    ++thread_.answers_ended_;
    if (--entry_.open_answers == 0) thread_.finished_.push_back(entry_.task.get());
  }

 private:
  EngineThread& thread_;
  Entry& entry_;
  std::size_t request_;
};

EngineThread::EngineThread(std::unique_ptr<Engine> engine, const Options& options)
    : engine_(std::move(engine)),
      options_(options),
      next_wait_(steady_clock::now()),
      stats_(engine_->stats()),
      pace_(steady_clock::now()),
      thread_([this] { run(); }) {
  CHECK(options_.max_queue >= 1, "max_queue is {}", options_.max_queue);
}

EngineThread::~EngineThread() { stop(); }

EngineThread::Admission EngineThread::submit(std::shared_ptr<EngineTask> task, std::size_t requests) {
  {
    std::lock_guard lock(mutex_);
    if (draining_ || stopping_) return Admission::shutting_down;
    if (waiting_locked() >= options_.max_queue) return Admission::queue_full;
    inbox_.push_back({std::move(task), requests});
  }
  work_.notify_one();
  return Admission::accepted;
}

void EngineThread::cancel(std::shared_ptr<EngineTask> task) {
  {
    std::lock_guard lock(mutex_);
    if (std::erase_if(inbox_, [&](const Submission& s) { return s.task == task; }) > 0) {
      if (!busy_ && inbox_.empty()) idle_.notify_all();
      return;
    }
    cancelled_.push_back(std::move(task));
  }
  work_.notify_one();
}

void EngineThread::drain() {
  std::lock_guard lock(mutex_);
  draining_ = true;
}

bool EngineThread::draining() const {
  std::lock_guard lock(mutex_);
  return draining_ || stopping_;
}

bool EngineThread::wait_idle(steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, deadline, [&] { return !busy_ && inbox_.empty(); });
}

void EngineThread::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
}

EngineStats EngineThread::stats() const {
  std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  stats.waiting = waiting_locked();
  return stats;
}

std::chrono::seconds EngineThread::retry_after() const {
  std::lock_guard lock(mutex_);
  return pace_.time_for(waiting_locked(), steady_clock::now());
}

std::int64_t EngineThread::waiting_locked() const {
  std::int64_t waiting = stats_.waiting;
  for (const Submission& submission : inbox_) waiting += static_cast<std::int64_t>(submission.requests);
  return waiting;
}

// ---- on the engine thread -------------------------------------------------------------------------

void EngineThread::run() {
  while (take_inbox()) {
    step();
    remove_finished();
    tell_waiting();
    publish();
  }
  shut_down();
}

// What throws here, for want of memory say, has stopped all answers of the step half-way: they are lost, and not the server.
void EngineThread::step() {
  try {
    engine_->step();
  } catch (const std::exception& error) {
    fmt::print(stderr, "verbatim: all running requests are lost: {}\n", error.what());
    for (auto& [key, entry] : entries_) {
      entry.task->on_lost();
      cancel_now(key);
    }
  }
}

// Sleeps until there is something to do; false: it is to end.
bool EngineThread::take_inbox() {
  std::vector<Submission> submissions;
  std::vector<std::shared_ptr<EngineTask>> cancelled;
  {
    std::unique_lock lock(mutex_);
    busy_ = !engine_->idle();
    if (!busy_ && inbox_.empty()) idle_.notify_all();
    work_.wait(lock, [&] { return stopping_ || busy_ || !inbox_.empty() || !cancelled_.empty(); });
    if (stopping_) return false;
    if (!busy_) pace_.restart(steady_clock::now());
    busy_ = true;
    // Until the next publish() they count as waiting.
    stats_.waiting = waiting_locked();
    submissions = std::exchange(inbox_, {});
    cancelled = std::exchange(cancelled_, {});
  }
  for (Submission& submission : submissions) start(std::move(submission.task));
  for (const auto& task : cancelled) cancel_now(task.get());
  return true;
}

void EngineThread::start(std::shared_ptr<EngineTask> task) {
  Entry& entry = entries_[task.get()];
  entry.task = task;
  std::vector<GenerateRequest> requests;
  const bool told = entry.tell([&](EngineTask& each) {
    requests = each.take_requests();
    if (!requests.empty()) each.on_start();
  });
  if (!told || requests.empty()) {
    entries_.erase(task.get());
    return;
  }
  for (GenerateRequest& request : requests) {
    entry.open_answers += static_cast<std::size_t>(request.n);
    entry.taps.push_back(std::make_unique<Tap>(*this, entry, entry.taps.size()));
    Result<RequestId> id = engine_->submit(std::move(request), *entry.taps.back());
    CHECK(id.ok(), "a request that was checked is refused: {}", id.error().message);
    entry.ids.push_back(*id);
  }
}

void EngineThread::cancel_now(const EngineTask* task) {
  auto entry = entries_.find(task);
  if (entry == entries_.end()) return;
  for (RequestId id : entry->second.ids) engine_->cancel(id);
}

void EngineThread::remove_finished() {
  for (const EngineTask* task : std::exchange(finished_, {})) entries_.erase(task);
}

void EngineThread::tell_waiting() {
  auto now = steady_clock::now();
  if (now < next_wait_) return;
  next_wait_ = now + std::chrono::seconds(1);
  for (auto& [key, entry] : entries_) entry.tell([](EngineTask& task) { task.on_wait(); });
}

void EngineThread::publish() {
  EngineStats stats = engine_->stats();
  auto now = steady_clock::now();
  std::lock_guard lock(mutex_);
  stats_ = stats;
  for (; answers_ended_ > 0; --answers_ended_) pace_.count(now);
}

void EngineThread::shut_down() {
  std::vector<Submission> never_started;
  {
    std::lock_guard lock(mutex_);
    never_started = std::exchange(inbox_, {});
  }
  for (const Submission& submission : never_started) submission.task->on_shutdown();
  for (auto& [key, entry] : entries_) {
    entry.tell([](EngineTask& task) { task.on_shutdown(); });
    cancel_now(key);
  }
  step();
  remove_finished();
  CHECK(entries_.empty(), "{} tasks did not end with the engine", entries_.size());
  publish();
}

}  // namespace verbatim::server
