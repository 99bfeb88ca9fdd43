#include "receipt/receipt.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "json/json.h"

namespace verbatim {
namespace {

using OrderedJson = nlohmann::ordered_json;
using Ids = std::vector<std::int32_t>;
using Strings = std::vector<std::string>;
using Biases = std::vector<std::pair<std::int32_t, float>>;
using Text = std::optional<std::string>;

// The fields of the request, once: their names, and their order in the chain.
template <class SomeReceipt, class Visit>
void visit_request(SomeReceipt& r, Visit visit) {
  auto& request = r.request;
  auto& sampling = request.sampling;
  visit("prompt", request.prompt);
  visit("choice", r.choice);
  visit("max_tokens", request.max_tokens);
  visit("temperature", sampling.temperature);
  visit("top_k", sampling.top_k);
  visit("top_p", sampling.top_p);
  visit("min_p", sampling.min_p);
  visit("repetition_penalty", sampling.repetition_penalty);
  visit("frequency_penalty", sampling.frequency_penalty);
  visit("presence_penalty", sampling.presence_penalty);
  visit("logit_bias", sampling.logit_bias);
  visit("seed", sampling.seed);
  visit("min_tokens", request.min_tokens);
  visit("stop_tokens", request.stop_tokens);
  visit("stop", request.stop_strings);
  visit("ignore_eos", request.ignore_eos);
  visit("skip_special_tokens", request.skip_special);
  visit("schema", r.schema);
}

// Likewise, of how the answer is shown.
template <class SomeShow, class Visit>
void visit_show(SomeShow& show, Visit visit) {
  visit("endpoint", show.endpoint);
  visit("model", show.model);
  visit("prompt", show.prompt);
  visit("prompts", show.prompts);
  visit("parameters", show.parameters);
}

// ---- canonical text of a value: one for each value ------------------------------------------------

// The sign of a zero decides nothing.
std::string canonical(float x) { return fmt::format("{:08x}", std::bit_cast<std::uint32_t>(x + 0.0f)); }
std::string canonical(std::int64_t x) { return fmt::format("{}", x); }
std::string canonical(std::uint64_t x) { return fmt::format("{}", x); }
std::string canonical(bool x) { return x ? "true" : "false"; }
std::string canonical(const std::string& text) { return text; }
std::string canonical(const Ids& ids) { return fmt::format("{}", fmt::join(ids, ",")); }
std::string canonical(const Text& text) { return text ? "+" + *text : "-"; }
std::string canonical(const Strings& strings) {
  std::string out;
  for (const std::string& s : strings) out += fmt::format("{}:{},", s.size(), s);
  return out;
}
std::string canonical(Biases biases) {
  std::ranges::sort(biases);
  std::string out;
  for (auto [token, bias] : biases) out += fmt::format("{}:{},", token, canonical(bias));
  return out;
}

// ---- JSON of a value ------------------------------------------------------------------------------

// A float as the double that it is: its digits read back as the same float32 in every JSON library.
OrderedJson json_of(float x) { return static_cast<double>(x + 0.0f); }
OrderedJson json_of(std::int64_t x) { return x; }
OrderedJson json_of(std::uint64_t x) { return fmt::format("{}", x); }  // not all libraries keep 64 bits
OrderedJson json_of(bool x) { return x; }
OrderedJson json_of(const std::string& text) { return text; }
OrderedJson json_of(const Ids& ids) { return ids; }
OrderedJson json_of(const Strings& strings) { return strings; }
OrderedJson json_of(const Text& text) { return text ? OrderedJson(*text) : OrderedJson(); }
OrderedJson json_of(Biases biases) {
  std::ranges::sort(biases);
  OrderedJson out = OrderedJson::array();
  for (auto [token, bias] : biases) out.push_back(OrderedJson::array({token, json_of(bias)}));
  return out;
}

// ---- reading: what is wanted, when a value is not that --------------------------------------------

template <class Integer>
bool read_integer(const Json& json, Integer& out) {
  if (!json.is_number_integer()) return false;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Integer>::max());
  if (json.is_number_unsigned() ? json.get<std::uint64_t>() > kMost
                                : json.get<std::int64_t>() < std::numeric_limits<Integer>::min())
    return false;
  out = json.get<Integer>();
  return true;
}

using Complaint = const char*;  // nullptr: none

Complaint read(const Json& json, std::int64_t& out) {
  return read_integer(json, out) && out >= 0 ? nullptr : "must be an integer of at least 0";
}
Complaint read(const Json& json, std::int32_t& out) {
  return read_integer(json, out) && out >= 0 ? nullptr : "must be a token id";
}
Complaint read(const Json& json, float& out) {
  constexpr Complaint kWanted = "must be a number that a float32 holds exactly";
  if (!json.is_number()) return kWanted;
  const auto x = json.get<double>();
  if (!(std::abs(x) <= std::numeric_limits<float>::max())) return kWanted;
  out = static_cast<float>(x) + 0.0f;
  return static_cast<double>(out) == x ? nullptr : kWanted;
}
Complaint read(const Json& json, bool& out) {
  if (!json.is_boolean()) return "must be true or false";
  out = json.get<bool>();
  return nullptr;
}
Complaint read(const Json& json, std::string& out) {
  if (!json.is_string()) return "must be a string";
  out = json.get<std::string>();
  return nullptr;
}
// A schema, or a stop string: neither is empty, so null is the one way to say that there is none.
Complaint read(const Json& json, Text& out) {
  if (json.is_null()) return nullptr;
  if (Complaint complaint = read(json, out.emplace())) return complaint;
  return out->empty() ? "must be null, or a string that is not empty" : nullptr;
}
Complaint read(const Json& json, std::uint64_t& out) {
  constexpr Complaint kWanted = "must be a string with an integer of 64 bits, in decimal";
  if (!json.is_string()) return kWanted;
  const auto& text = json.get_ref<const std::string&>();
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && text == fmt::format("{}", out) ? nullptr : kWanted;
}
template <class T>
Complaint read(const Json& json, std::optional<T>& out) {
  return json.is_null() ? nullptr : read(json, out.emplace());
}
template <class T>
Complaint read_list(const Json& json, std::vector<T>& out, Complaint wanted) {
  if (!json.is_array()) return wanted;
  out.resize(json.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    if (read(json[i], out[i]) != nullptr) return wanted;
  return nullptr;
}
Complaint read(const Json& json, Ids& out) { return read_list(json, out, "must be a list of token ids"); }
Complaint read(const Json& json, Strings& out) {
  constexpr Complaint kWanted = "must be a list of strings that are not empty";
  if (Complaint complaint = read_list(json, out, kWanted)) return complaint;
  return std::ranges::any_of(out, &std::string::empty) ? kWanted : nullptr;
}
Complaint read(const Json& json, Biases& out) {
  constexpr Complaint kWanted = "must be a list of [token id, float32], by increasing id";
  if (!json.is_array()) return kWanted;
  for (const Json& pair : json) {
    auto& [token, bias] = out.emplace_back();
    if (!pair.is_array() || pair.size() != 2 || read(pair[0], token) || read(pair[1], bias)) return kWanted;
    if (out.size() > 1 && out[out.size() - 2].first >= token) return kWanted;
  }
  return nullptr;
}
Complaint read(const Json& json, FinishReason& out) {
  if (json != "stop" && json != "length") return "must be \"stop\" or \"length\"";
  out = json == "stop" ? FinishReason::stop : FinishReason::length;
  return nullptr;
}

// An object of which every key must be there, and no other.
class Object {
 public:
  // status: takes the first complaint.  prefix: of its keys' names, such as "request."
  Object(const Json& json, const std::string& where, std::string prefix, Status& status)
      : json_(json), where_(where), prefix_(std::move(prefix)), status_(status) {
    if (!json.is_object()) refuse("", fmt::format("is {}, must be an object", shown(json)));
  }

  // nullptr: the key, or an object around it, is not there
  const Json* find(const char* key) {
    if (!json_.is_object()) return nullptr;
    known_.insert(key);
    auto found = json_.find(key);
    if (found == json_.end()) refuse(key, "is missing");
    return found == json_.end() ? nullptr : &*found;
  }
  template <class T>
  void operator()(const char* key, T& out) {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (Complaint complaint = read(*value, out))
      refuse(key, fmt::format("is {}, {}", shown(*value), complaint));
  }
  void hex(const char* key, std::string& out, std::size_t digits) {
    (*this)(key, out);
    auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (status_.ok() && ((digits > 0 && out.size() != digits) || !std::ranges::all_of(out, is_hex)))
      refuse(key, digits > 0 ? fmt::format("is not {} lower-case hex digits", digits)
                             : "is not lower-case hex digits");
  }
  // After the last key.
  void end() {
    if (!json_.is_object()) return;
    for (const auto& [key, value] : json_.items())
      if (!known_.contains(key)) refuse(key, "is not a key of a receipt");
  }

 private:
  void refuse(const std::string& key, const std::string& complaint) {
    std::string name = prefix_ + key;
    if (name.ends_with('.')) name.pop_back();
    if (status_.ok()) status_ = fail("{}: {} {}", where_, name.empty() ? "the receipt" : name, complaint);
  }

  const Json& json_;
  const std::string& where_;
  std::string prefix_;
  Status& status_;
  std::set<std::string> known_;
};

std::string_view name_of(FinishReason reason) { return reason == FinishReason::stop ? "stop" : "length"; }

}  // namespace

std::string to_json_text(const Receipt& receipt) {
  OrderedJson request = OrderedJson::object();
  visit_request(receipt, [&](const char* name, const auto& value) { request[name] = json_of(value); });
  OrderedJson answer = {{"tokens", receipt.tokens},
                        {"finish_reason", name_of(receipt.reason)},
                        {"stop_token", nullptr},
                        {"stop_string", json_of(receipt.stop_string)}};
  if (receipt.stop_token) answer["stop_token"] = *receipt.stop_token;
  OrderedJson json = {{"format", kReceiptFormat},
                      {"version", receipt.version},
                      {"fingerprint", receipt.fingerprint},
                      {"request", std::move(request)},
                      {"show", nullptr},
                      {"answer", std::move(answer)},
                      {"links", receipt.links},
                      {"head", receipt.head},
                      {"signature", nullptr}};
  if (receipt.show)
    visit_show(*receipt.show,
               [&](const char* name, const auto& value) { json["show"][name] = json_of(value); });
  if (receipt.signature)
    json["signature"] = {{"public_key", receipt.signature->public_key}, {"value", receipt.signature->value}};
  return json.dump();
}

Result<Receipt> read_receipt(const Json& json, const std::string& where) {
  Receipt receipt;
  Status status;
  Object top(json, where, "", status);
  std::string format;
  top("format", format);
  if (status.ok() && format != kReceiptFormat)
    return fail("{}: format is {}, this program reads \"{}\" and no other", where, shown(format),
                kReceiptFormat);
  top("version", receipt.version);
  top.hex("fingerprint", receipt.fingerprint, 64);
  if (const Json* request = top.find("request")) {
    Object object(*request, where, "request.", status);
    visit_request(receipt, [&](const char* name, auto& value) { object(name, value); });
    object.end();
  }
  if (const Json* show = top.find("show"); show != nullptr && !show->is_null()) {
    Object object(*show, where, "show.", status);
    visit_show(receipt.show.emplace(), [&](const char* name, auto& value) { object(name, value); });
    object.end();
  }
  if (const Json* answer = top.find("answer")) {
    Object object(*answer, where, "answer.", status);
    object("tokens", receipt.tokens);
    object("finish_reason", receipt.reason);
    object("stop_token", receipt.stop_token);
    object("stop_string", receipt.stop_string);
    object.end();
  }
  top.hex("links", receipt.links, 0);
  top.hex("head", receipt.head, 64);
  if (const Json* signature = top.find("signature"); signature != nullptr && !signature->is_null()) {
    Object object(*signature, where, "signature.", status);
    object.hex("public_key", receipt.signature.emplace().public_key, 64);
    object.hex("value", receipt.signature->value, 128);
    object.end();
  }
  top.end();
  if (!status.ok()) return status.error();
  return receipt;
}

std::vector<ReceiptEntry> request_entries(const Receipt& receipt) {
  std::vector<ReceiptEntry> entries = {{"version", "version=" + receipt.version},
                                       {"fingerprint", "fingerprint=" + receipt.fingerprint}};
  visit_request(receipt, [&](const std::string& name, const auto& value) {
    entries.push_back({"request." + name, name + '=' + canonical(value)});
  });
  if (!receipt.show) entries.push_back({"show", "show=-"});
  if (receipt.show)
    visit_show(*receipt.show, [&](const std::string& name, const auto& value) {
      entries.push_back({"show." + name, "show." + name + '=' + canonical(value)});
    });
  // So that the last parameter too has a link behind it.
  entries.push_back({"links", "answer"});
  return entries;
}

std::string token_entry(std::int64_t position, std::int32_t token, const Sha256Digest& hidden) {
  return fmt::format("token {}={} {}", position, token, to_hex(hidden));
}

std::string finish_entry(const Receipt& receipt) {
  std::string token = receipt.stop_token ? fmt::format("+{}", *receipt.stop_token) : "-";
  return fmt::format("finish={} {} {}", name_of(receipt.reason), token, canonical(receipt.stop_string));
}

std::string text_to_sign(const Receipt& receipt) {
  ReceiptChain chain(fmt::format("{} signature", kReceiptFormat));
  for (const ReceiptEntry& entry : request_entries(receipt)) chain.add(entry.text);
  chain.add("tokens=" + canonical(receipt.tokens));
  chain.add(finish_entry(receipt));
  chain.add("links=" + receipt.links);
  chain.add("head=" + receipt.head);
  return chain.head();
}

}  // namespace verbatim
