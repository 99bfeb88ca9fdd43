#include "server/access_log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>

namespace verbatim::server {
namespace {

std::string printable(std::string_view text, std::size_t limit, char lowest) {
  std::string shown(text.substr(0, limit));
  std::ranges::replace_if(
      shown, [&](char c) { return c < lowest || c > '~' || c == '"'; }, '?');
  if (text.size() > limit) shown += "...";
  return shown.empty() ? "-" : shown;
}

}  // namespace

struct AccessLog::Writer {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;

  explicit Writer(spdlog::sink_ptr sink)
      : pool(std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1)),
        logger(std::make_shared<spdlog::async_logger>("access", std::move(sink), pool,
                                                      spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v",
                                                                      spdlog::pattern_time_type::utc, "\n"));
    logger->flush_on(spdlog::level::info);  // on the log's own thread
  }
};

AccessLog::AccessLog(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
AccessLog::~AccessLog() = default;

Result<std::unique_ptr<AccessLog>> AccessLog::create(const std::string& path) {
  if (path.empty()) return std::unique_ptr<AccessLog>(new AccessLog(nullptr));
  try {
    spdlog::sink_ptr sink;
    if (path == "-") {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    }
    return std::unique_ptr<AccessLog>(new AccessLog(std::make_unique<Writer>(std::move(sink))));
  } catch (const spdlog::spdlog_ex& error) {
    return fail("{}: cannot be opened as the access log: {}", path, error.what());
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
