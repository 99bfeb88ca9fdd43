#include "audit/record.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>

#include "json/json.h"
#include "json/reader.h"

namespace verbatim::audit {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

Json to_json(const AuditShape& shape) {
  return {{"prompt", shape.prompt},           {"max_tokens", shape.max_tokens},     {"repeat", shape.repeat},
          {"concurrency", shape.concurrency}, {"temperatures", shape.temperatures}, {"seed", shape.seed}};
}

template <class T>
void get_integer(const Json& json, const char* key, T& to) {
  to = integer_of<T>(json.at(key));
}

AuditShape shape_of(const Json& json) {
  AuditShape shape;
  json.at("prompt").get_to(shape.prompt);
  get_integer(json, "max_tokens", shape.max_tokens);
  get_integer(json, "repeat", shape.repeat);
  shape.concurrency = integers_of<std::int64_t>(json.at("concurrency"));
  json.at("temperatures").get_to(shape.temperatures);
  get_integer(json, "seed", shape.seed);
  return shape;
}

Neighbours neighbours_of(const std::string& name) {
  return name == kNeighbourNames[0] ? Neighbours::friendly : Neighbours::hostile;
}

// f of the line's JSON; its exceptions become the error.
template <class Read>
auto read_line(std::string_view line, Read read) -> Result<decltype(read(Json()))> {
  try {
    auto json = parse_json(line, "not JSON");
    if (!json) return json.error();
    return read(*json);
  } catch (const std::exception& error) {  // nlohmann's, or ours
    return fail("{}", json_complaint(error));
  }
}

}  // namespace

std::string to_line(const Header& header) {
  return line_of({{"verbatim_audit", kFormat},
                  {"url", header.url},
                  {"shape", to_json(header.shape)},
                  {"dialect", to_json(header.dialect)}});
}

Result<Header> header_of(std::string_view line) {
  auto read = [](const Json& json) {
    auto format = integer_of<int>(json.at("verbatim_audit"));
    if (format != kFormat)
      throw std::invalid_argument(fmt::format("its format is {}, not {}", format, kFormat));
    return Header{json.at("url").get<std::string>(), shape_of(json.at("shape")),
                  dialect_of(json.at("dialect"))};
  };
  return read_line(line, read);
}

std::string to_line(const Record& record) {
  Json json = {{"index", record.index},
               {"kind", record.probe ? "probe" : "neighbour"},
               {"concurrency", record.condition.concurrency},
               {"neighbours", kNeighbourNames[static_cast<int>(record.condition.neighbours)]},
               {"prompt", record.request.prompt},
               {"max_tokens", record.request.max_tokens},
               {"temperature", record.request.temperature},
               {"seed", record.request.seed},
               {"status", record.status},
               {"retried", record.retried},
               {"sent_at", record.sent_at},
               {"first", record.first},
               {"done", record.done},
               {"in_flight", record.in_flight},
               {"generating", record.generating}};
  if (!record.good()) {
    json["error_kind"] = record.error_kind;
    json["error"] = record.error;
    return line_of(json);
  }
  const Answer& answer = record.answer;
  json["text"] = answer.text;
  json["finish_reason"] = answer.finish_reason;
  json["fingerprint"] = answer.fingerprint;
  json["output_tokens"] = answer.output_tokens;
  Json& tokens = json["tokens"] = Json::array();
  for (const ScoredToken& token : answer.tokens) tokens.push_back(to_json(token));
  return line_of(json);
}

Result<Record> record_of(std::string_view line) {
  return read_line(line, [](const Json& json) {
    Record record;
    get_integer(json, "index", record.index);
    record.probe = json.at("kind").get<std::string>() == "probe";
    json.at("prompt").get_to(record.request.prompt);
    get_integer(json, "max_tokens", record.request.max_tokens);
    json.at("temperature").get_to(record.request.temperature);
    get_integer(json, "seed", record.request.seed);
    record.condition = {integer_of<std::int64_t>(json.at("concurrency")), record.request.temperature,
                        neighbours_of(json.at("neighbours").get<std::string>())};
    get_integer(json, "status", record.status);
    json.at("retried").get_to(record.retried);
    json.at("sent_at").get_to(record.sent_at);
    json.at("first").get_to(record.first);
    json.at("done").get_to(record.done);
    get_integer(json, "in_flight", record.in_flight);
    get_integer(json, "generating", record.generating);
    record.error_kind = json.value("error_kind", "");
    record.error = json.value("error", "");
    if (!record.good()) return record;
    json.at("text").get_to(record.answer.text);
    json.at("finish_reason").get_to(record.answer.finish_reason);
    json.at("fingerprint").get_to(record.answer.fingerprint);
    get_integer(json, "output_tokens", record.answer.output_tokens);
    for (const Json& token : json.at("tokens")) record.answer.tokens.push_back(token_of(token));
    return record;
  });
}

Result<Results> parse_results(std::string_view text) {
  Results results;
  std::map<std::size_t, Record> records;
  for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
    std::size_t end = text.find('\n', at);
    if (end == text.npos) {
      results.cut_short = true;
      break;
    }
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    results.whole_bytes = at;
    if (number == 1) {
      auto header = header_of(line);
      if (!header)
        return fail("line 1: is not the beginning of an audit's results: {}", header.error().message);
      results.header = *std::move(header);
      continue;
    }
    auto record = record_of(line);
    if (!record) return fail("line {}: is not a record of an audit: {}", number, record.error().message);
    records.insert_or_assign(record->index, *std::move(record));
  }
  if (results.whole_bytes == 0) return fail("line 1: is missing: these are no results of an audit");
  for (auto& [index, record] : records) results.records.push_back(std::move(record));
  return results;
}

Result<Results> read_results(const std::string& path) {
  if (std::filesystem::is_directory(path)) return fail("{}: is a folder", path);
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  if (!in.is_open() || in.bad()) return fail("{}: cannot be read", path);
  auto results = parse_results(text);
  if (!results) return fail("{}, {}", path, results.error().message);
  return results;
}

}  // namespace verbatim::audit
