#include "server/access_log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/file_helper.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <mutex>

namespace verbatim::server {
namespace {

std::string printable(std::string_view text, std::size_t limit, char lowest) {
  std::string shown(text.substr(0, limit));
  std::ranges::replace_if(
      shown, [&](char c) { return c < lowest || c > '~' || c == '"'; }, '?');
  if (text.size() > limit) shown += "...";
  return shown.empty() ? "-" : shown;
}

// spdlog's own sink for a file cannot open it anew.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(std::string path) : path_(std::move(path)), file_(opened()) {}

  void reopen() {
    auto file = opened();
    std::lock_guard lock(mutex_);
    file_ = std::move(file);
  }

 private:
  std::unique_ptr<spdlog::details::file_helper> opened() const {
    auto file = std::make_unique<spdlog::details::file_helper>();
    file->open(path_);
    return file;
  }
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    file_->write(text);
  }
  void flush_() override { file_->flush(); }

  std::string path_;
  std::unique_ptr<spdlog::details::file_helper> file_;
};

Error cannot_open(const std::string& path, const spdlog::spdlog_ex& error) {
  return fail("{}: cannot be opened as the access log: {}", path, error.what());
}

}  // namespace

struct AccessLog::Writer {
  std::string path;
  std::shared_ptr<FileSink> file;  // nullptr: stderr
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;

  explicit Writer(const std::string& log)
      : path(log),
        file(log == "-" ? nullptr : std::make_shared<FileSink>(log)),
        pool(std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1)),
        logger(std::make_shared<spdlog::async_logger>("access", sink(), pool,
                                                      spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v",
                                                                      spdlog::pattern_time_type::utc, "\n"));
    logger->flush_on(spdlog::level::info);  // on the log's own thread
  }

 private:
  spdlog::sink_ptr sink() const {
    if (file) return file;
    return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
};

AccessLog::AccessLog(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
AccessLog::~AccessLog() = default;

Result<std::unique_ptr<AccessLog>> AccessLog::create(const std::string& path) {
  if (path.empty()) return std::unique_ptr<AccessLog>(new AccessLog(nullptr));
  try {
    return std::unique_ptr<AccessLog>(new AccessLog(std::make_unique<Writer>(path)));
  } catch (const spdlog::spdlog_ex& error) {
    return cannot_open(path, error);
  }
}

Status AccessLog::reopen() {
  if (!enabled() || writer_->file == nullptr) return {};
  try {
    writer_->file->reopen();
    return {};
  } catch (const spdlog::spdlog_ex& error) {
    return cannot_open(writer_->path, error);
  }
}

void AccessLog::add(const Line& line) {
  if (!enabled()) return;
  writer_->logger->info("{} {} {} {} {} {:.3f} {} \"{}\"", line.peer, printable(line.method, 16, '!'),
                        printable(line.path, 128, '!'), line.status, line.bytes, line.seconds.count(),
                        line.ending, printable(line.user_agent, 64, ' '));
}

std::int64_t AccessLog::lines_lost() const {
  return enabled() ? static_cast<std::int64_t>(writer_->pool->overrun_counter()) : 0;
}

}  // namespace verbatim::server
