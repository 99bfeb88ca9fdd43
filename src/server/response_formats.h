// ResponseFormats: response_format -> the constraint that answers must meet.
//
// The schemas of the last requests are kept compiled: requests with one schema share what its constraint has
// learnt of the vocabulary. Thread safe.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "constrain/constraint.h"
#include "server/api_error.h"
#include "server/json_text.h"

namespace verbatim::server {

class ResponseFormats {
 public:
  explicit ResponseFormats(const Tokenizer& tokenizer)
      : vocabulary_(std::make_shared<const TokenTrie>(tokenizer)),
        any_object_(Constraint::json_object(vocabulary_)) {}

  // {"type": "text"}, {"type": "json_object"}, or {"type": "json_schema", "json_schema": {"schema": {...}}}; the
  // Responses API has the schema at the top: {"type": "json_schema", "schema": {...}}, and llama.cpp's clients
  // give json_object one there. nullptr: any text.
  // param: for errors
  Result<std::shared_ptr<const Constraint>, ApiError> read(const OrderedJson& format, std::string_view param);
  // The constraint of a schema itself.
  Result<std::shared_ptr<const Constraint>, ApiError> schema(const OrderedJson& schema,
                                                             std::string_view param);

 private:
  static constexpr std::size_t kMostKept = 32, kMostBytesKept = std::size_t{64} << 20;

  void forget_the_oldest();  // with the lock

  std::shared_ptr<const TokenTrie> vocabulary_;
  std::shared_ptr<const Constraint> any_object_;
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<const Constraint>>> kept_;  // latest first
};

}  // namespace verbatim::server
