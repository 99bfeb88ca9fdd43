#include "server/response_formats.h"

#include <algorithm>

namespace verbatim::server {
namespace {

// The object that holds "schema".
const OrderedJson* find_schema(const OrderedJson& format) {
  const OrderedJson* holder = &format;
  if (auto inner = format.find("json_schema"); inner != format.end()) holder = &*inner;
  if (!holder->is_object()) return nullptr;
  auto schema = holder->find("schema");
  return schema != holder->end() && schema->is_object() ? &*schema : nullptr;
}

}  // namespace

Result<std::shared_ptr<const Constraint>, ApiError> ResponseFormats::read(const OrderedJson& format,
                                                                          std::string_view param) {
  auto type = format.find("type");
  if (type == format.end() || !type->is_string())
    return refuse(param, "{} has no type; it is text, json_object or json_schema", param);
  if (*type == "text") return std::shared_ptr<const Constraint>();
  if (*type == "json_object" && !format.contains("schema")) return any_object_;
  if (*type != "json_object" && *type != "json_schema")
    return refuse(param, "{}.type is {}, must be text, json_object or json_schema", param, shown(*type));
  const OrderedJson* schema = find_schema(format);
  if (schema == nullptr) return refuse(param, "{} has no schema, which must be an object", param);
  return this->schema(*schema, param);
}

Result<std::shared_ptr<const Constraint>, ApiError> ResponseFormats::schema(const OrderedJson& schema,
                                                                            std::string_view param) {
  std::string text = schema.dump();
  {
    std::lock_guard lock(mutex_);
    auto found = std::ranges::find(kept_, text, [](const auto& entry) { return entry.first; });
    if (found != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, found);
      return found->second;
    }
  }
  auto made = Constraint::json_schema(schema, vocabulary_);
  if (!made) return refuse(param, "{}: {}", param, made.error().message);
  std::lock_guard lock(mutex_);
  kept_.emplace_front(std::move(text), *made);
  forget_the_oldest();
  return *std::move(made);
}

// What an answer is under stays alive with it. The newest is kept, whatever its size.
void ResponseFormats::forget_the_oldest() {
  std::size_t number = 0, bytes = 0;
  auto first = std::ranges::find_if(kept_, [&](const auto& entry) {
    bytes += entry.first.size() + entry.second->bytes();
    return ++number > 1 && (number > kMostKept || bytes > kMostBytesKept);
  });
  kept_.erase(first, kept_.end());
}

}  // namespace verbatim::server
