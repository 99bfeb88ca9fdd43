// The tests of `is`.
#include "jinja/attributes.h"
#include "jinja/builtin.h"
#include "jinja/compare.h"
#include "jinja/objects.h"
#include "jinja/operators.h"
#include "jinja/repr.h"

namespace verbatim::jinja {
namespace {

Value rest_of(const Call& call, const Value& by) {
  return apply(BinaryOp::modulo, call.self, by, call.heap());
}
bool rest_equals(const Call& call, std::int64_t by, std::int64_t rest) {
  return equal(rest_of(call, by), rest, call.heap());
}

template <bool greater, bool or_equal>
Value ordered(const Call& call) {
  const Value& a = greater ? call[0] : call.self;
  const Value& b = greater ? call.self : call[0];
  return less(a, b, call.heap()) || (or_equal && equal(a, b, call.heap()));
}

// What str.isupper and its like say of the value as text.
Value says(const Call& call, std::string_view method) {
  const Value text = call.heap().text(str(call.self, call.heap()));
  return invoke(call.runtime, *find_builtin(text_methods(), method), text, {});
}

bool is_sequence(const Value& value) {
  return value.is_undefined() || value.text() || value.list() || value.dict() ||
         (value.object() && value.object()->indexable());
}

bool names(const Call& call, const Builtin* (*find)(std::string_view)) {
  require_hashable(call.self);
  return call.self.text() && find(call.self.text()->bytes);
}

constexpr Builtin kTests[] = {
    {"!=", "other", [](const Call& call) { return Value(!equal(call.self, call[0], call.heap())); }},
    {"<", "other", ordered<false, false>},
    {"<=", "other", ordered<false, true>},
    {"==", "other", [](const Call& call) { return Value(equal(call.self, call[0], call.heap())); }},
    {">", "other", ordered<true, false>},
    {">=", "other", ordered<true, true>},
    {"boolean", "", [](const Call& call) { return Value(call.self.is_bool()); }},
    {"callable", "",
     [](const Call& call) {
       return Value(call.self.is_undefined() || (call.self.object() && call.self.object()->callable()));
     }},
    {"defined", "", [](const Call& call) { return Value(!call.self.is_undefined()); }},
    {"divisibleby", "num",
     [](const Call& call) { return Value(equal(rest_of(call, call[0]), std::int64_t{0}, call.heap())); }},
    {"eq", "other", [](const Call& call) { return Value(equal(call.self, call[0], call.heap())); }},
    {"equalto", "other", [](const Call& call) { return Value(equal(call.self, call[0], call.heap())); }},
    {"escaped", "", [](const Call& call) { return Value(call.self.text() && call.self.text()->markup); }},
    {"even", "", [](const Call& call) { return Value(rest_equals(call, 2, 0)); }},
    {"false", "", [](const Call& call) { return Value(call.self.boolean() == false); }},
    {"filter", "", [](const Call& call) { return Value(names(call, find_filter)); }},
    {"float", "", [](const Call& call) { return Value(call.self.is_float()); }},
    {"ge", "other", ordered<true, true>},
    {"greaterthan", "other", ordered<true, false>},
    {"gt", "other", ordered<true, false>},
    {"in", "seq", [](const Call& call) { return Value(contains(call[0], call.self, call.heap())); }},
    {"integer", "", [](const Call& call) { return Value(call.self.is_int()); }},
    {"iterable", "",
     [](const Call& call) { return Value(static_cast<bool>(try_iterate(call.self, call.heap()))); }},
    {"le", "other", ordered<false, true>},
    {"lessthan", "other", ordered<false, false>},
    {"lower", "", [](const Call& call) { return says(call, "islower"); }},
    {"lt", "other", ordered<false, false>},
    {"mapping", "", [](const Call& call) { return Value(call.self.dict() != nullptr); }},
    {"ne", "other", [](const Call& call) { return Value(!equal(call.self, call[0], call.heap())); }},
    {"none", "", [](const Call& call) { return Value(call.self.is_none()); }},
    {"number", "", [](const Call& call) { return Value(call.self.integer() || call.self.is_float()); }},
    {"odd", "", [](const Call& call) { return Value(rest_equals(call, 2, 1)); }},
    {"sameas", "other", [](const Call& call) { return Value(identical(call.self, call[0])); }},
    {"sequence", "", [](const Call& call) { return Value(is_sequence(call.self)); }},
    {"string", "", [](const Call& call) { return Value(call.self.text() != nullptr); }},
    {"test", "", [](const Call& call) { return Value(names(call, find_test)); }},
    {"true", "", [](const Call& call) { return Value(call.self.boolean() == true); }},
    {"undefined", "", [](const Call& call) { return Value(call.self.is_undefined()); }},
    {"upper", "", [](const Call& call) { return says(call, "isupper"); }},
};

}  // namespace

const Builtin* find_test(std::string_view name) { return find_builtin(kTests, name); }

}  // namespace verbatim::jinja
