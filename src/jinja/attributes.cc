#include "jinja/attributes.h"

#include <algorithm>

#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/number_text.h"
#include "jinja/repr.h"
#include "jinja/text.h"

namespace verbatim::jinja {
namespace {

// What Python has and this engine lacks, as " name name ".
constexpr std::string_view kMissingTextMethods =
    " casefold encode expandtabs isidentifier maketrans translate format_map unescape striptags escape ";
constexpr std::string_view kMissingDictMethods = " fromkeys ";
constexpr std::string_view kMissingNumberMethods =
    " as_integer_ratio bit_count bit_length conjugate denominator from_bytes fromhex hex imag is_integer "
    "numerator real "
    "to_bytes ";
// What changes an object: the sandbox hides it.
constexpr std::string_view kUnsafeDictMethods = " clear pop popitem setdefault update ";
constexpr std::string_view kUnsafeListMethods = " append reverse insert sort extend remove pop clear ";

bool among(std::string_view names, std::string_view name) {
  return !name.empty() && name.find(' ') == std::string_view::npos &&
         names.find(fmt::format(" {} ", name)) != std::string_view::npos;
}

struct Methods {
  std::span<const Builtin> table;
  std::string_view missing, unsafe;
};

Methods methods_of(const Value& value) {
  if (value.text()) return {text_methods(), kMissingTextMethods, ""};
  if (value.dict()) return {dict_methods(), kMissingDictMethods, kUnsafeDictMethods};
  if (value.list()) return {list_methods(), "", value.list()->is_list() ? kUnsafeListMethods : ""};
  if (value.integer() || value.is_float()) return {{}, kMissingNumberMethods, ""};
  return {};
}

// A Python attribute; nullopt: none of this name.
std::optional<Value> own_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (value.object()) return value.object()->attribute(runtime, value, name);
  const Methods methods = methods_of(value);
  if (const Builtin* method = find_builtin(methods.table, name)) return bound(runtime.heap, *method, value);
  if (among(methods.missing, name)) raise("{}.{} is not supported", value.type_name(), name);
  const List* list = value.list();
  if (list && list->form == List::Form::group && (name == "grouper" || name == "list"))
    return list->items[name == "list" ? 1 : 0];
  if (among(methods.unsafe, name) || (name.starts_with("__") && name.ends_with("__") && name.size() > 4))
    return runtime.heap.undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe", name, value.type_name()));
  return std::nullopt;
}

std::string described(const Value& value) {
  return value.is_none() ? "'None'" : fmt::format("'{} object'", value.type_name());
}

Value no_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  return runtime.heap.undefined(fmt::format("{} has no attribute '{}'", described(value), name));
}

std::optional<Value> character(Runtime& runtime, const Text& text, std::int64_t index) {
  if (index < 0 || index >= text.characters) return std::nullopt;
  std::size_t at = static_cast<std::size_t>(index);
  if (!text.ascii()) {
    runtime.heap.read(kDecodingCost * text.bytes.size());
    at = byte_offset(text.bytes, index);
  }
  return runtime.heap.text(text.bytes.substr(at, next_character(text.bytes, at) - at), text.markup);
}

// value[key] as Python has it; nullopt where it raises TypeError or LookupError.
std::optional<Value> own_item(Runtime& runtime, const Value& value, const Value& key) {
  if (const Dict* dict = value.dict()) {
    if (key.dict() || (key.list() && key.list()->is_list())) return std::nullopt;
    const Value* found = dict->find(key, runtime.heap);
    return found ? std::optional(*found) : std::nullopt;
  }
  const auto index = key.integer();
  const auto size = length(value);
  if (!index || !size) return std::nullopt;
  const std::int64_t at = *index < 0 ? *index + *size : *index;
  if (at < 0 || at >= *size) return std::nullopt;
  if (const Text* text = value.text()) return character(runtime, *text, at);
  if (const List* list = value.list()) return list->items[static_cast<std::size_t>(at)];
  return value.object() && value.object()->indexable() ? value.object()->item(at) : std::nullopt;
}

// The places that value[start:stop:step] visits (PySlice_AdjustIndices).
struct SliceRange {
  std::int64_t start, count, step;
};

SliceRange adjusted(std::int64_t length, const Value* start, const Value* stop, const Value* step_value) {
  auto number = [](const Value* value) -> std::optional<std::int64_t> {
    if (!value || value->is_none()) return std::nullopt;
    const auto integer = value->integer();
    if (!integer) raise("slice indices must be integers or None");
    return integer;
  };
  const std::int64_t step = std::max<std::int64_t>(number(step_value).value_or(1), -INT64_MAX);
  if (step == 0) raise("slice step cannot be zero");
  const std::int64_t low = step < 0 ? -1 : 0, high = step < 0 ? length - 1 : length;
  auto clamp = [&](std::optional<std::int64_t> index, std::int64_t otherwise) {
    if (!index) return otherwise;
    return std::clamp(*index < 0 ? *index + length : *index, low, high);
  };
  const std::int64_t begin = clamp(number(start), step < 0 ? high : low);
  const std::int64_t end = clamp(number(stop), step < 0 ? low : high);
  const std::int64_t distance = step < 0 ? begin - end : end - begin;
  return {begin, distance <= 0 ? 0 : (distance - 1) / std::abs(step) + 1, step};
}

std::string sliced_text(const Text& text, SliceRange range) {
  if (range.count == 0) return "";
  if (range.step == 1) {
    const std::size_t begin =
        text.ascii() ? static_cast<std::size_t>(range.start) : byte_offset(text.bytes, range.start);
    const std::string_view tail = std::string_view(text.bytes).substr(begin);
    return std::string(tail.substr(
        0, text.ascii() ? static_cast<std::size_t>(range.count) : byte_offset(tail, range.count)));
  }
  const std::u32string characters = decode(text.bytes);
  std::u32string out;
  for (std::int64_t i = 0; i < range.count; ++i)
    out += characters[static_cast<std::size_t>(range.start + i * range.step)];
  return encode(out);
}

}  // namespace

Value get_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  value.require_defined();
  if (auto found = own_attribute(runtime, value, name)) return *found;
  const Value* entry = value.dict() ? value.dict()->find(name) : nullptr;
  return entry ? *entry : no_attribute(runtime, value, name);
}

Value get_item(Runtime& runtime, const Value& value, const Value& key) {
  value.require_defined();
  if (auto found = own_item(runtime, value, key)) return *found;
  if (!key.text())
    return runtime.heap.undefined(
        fmt::format("{} has no element {}", described(value), repr(key, runtime.heap)));
  if (auto found = own_attribute(runtime, value, key.text()->bytes)) return *found;
  return no_attribute(runtime, value, key.text()->bytes);
}

Value get_slice(Runtime& runtime, const Value& value, const Value* start, const Value* stop,
                const Value* step) {
  value.require_defined();
  const auto size = length(value);
  const Object* object = value.object();
  if (!size || !(value.text() || value.list() || (object && object->indexable())))
    raise("'{}' object cannot be sliced", value.type_name());
  const SliceRange range = adjusted(*size, start, stop, step);
  if (const Text* text = value.text()) {
    runtime.heap.read(kDecodingCost * text->bytes.size());
    return runtime.heap.text(sliced_text(*text, range), text->markup);
  }
  runtime.heap.require_room(range.count, sizeof(Value));
  std::vector<Value> items;
  for (std::int64_t i = 0; i < range.count; ++i) {
    const std::int64_t at = range.start + i * range.step;
    items.push_back(value.list() ? value.list()->items[static_cast<std::size_t>(at)] : *object->item(at));
  }
  return runtime.heap.list(std::move(items),
                           value.list() && !value.list()->is_list() ? List::Form::tuple : List::Form::list);
}

AttributePath::AttributePath(const Value& path, std::optional<Value> otherwise, Heap& heap)
    : otherwise_(std::move(otherwise)) {
  if (path.is_none()) return;
  const Text* text = path.text();
  if (!text) {
    parts_.push_back(path);
    return;
  }
  for (std::size_t at = 0; at <= text->bytes.size();) {
    const std::size_t end = std::min(text->bytes.find('.', at), text->bytes.size());
    const std::string part = text->bytes.substr(at, end - at);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    parts_.push_back(number ? Value(*parse_int(part)) : heap.text(part));
    at = end + 1;
  }
}

Value AttributePath::of(Runtime& runtime, Value item) const {
  for (const Value& part : parts_) {
    item = get_item(runtime, item, part);
    if (item.is_undefined() && otherwise_) item = *otherwise_;
  }
  return item;
}

Value without_case(const Value& value, Heap& heap) {
  return value.text() ? heap.text(lower(value.text()->bytes)) : value;
}

}  // namespace verbatim::jinja
