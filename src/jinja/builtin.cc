#include "jinja/builtin.h"

#include "jinja/compare.h"

namespace verbatim::jinja {
namespace {

// A parameter of a Builtin's row.
struct Parameter {
  std::string_view name;
  bool optional;
};

std::vector<Parameter> parse_parameters(std::string_view text) {
  std::vector<Parameter> parameters;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    std::string_view name = text.substr(0, end);
    const bool optional = name.ends_with('?');
    if (optional) name.remove_suffix(1);
    parameters.push_back({name, optional});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parameters;
}

class BoundBuiltin : public Object {
 public:
  BoundBuiltin(const Builtin& builtin, Value self) : builtin_(builtin), self_(std::move(self)) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override {
    return invoke(runtime, builtin_, self_, arguments);
  }
  int depth() const override { return self_.depth() + 1; }

 private:
  const Builtin& builtin_;
  const Value self_;
};

}  // namespace

std::int64_t Call::integer(std::size_t i, std::int64_t otherwise) const {
  if (!given(i)) return otherwise;
  const auto value = args[i]->require_defined().integer();
  if (!value) raise("'{}' object cannot be interpreted as an integer", args[i]->type_name());
  return *value;
}

std::string Call::text(std::size_t i, std::string_view otherwise) const {
  if (!given(i)) return std::string(otherwise);
  if (!args[i]->text()) raise("expected str, not {}", args[i]->require_defined().type_name());
  return args[i]->text()->bytes;
}

bool Call::truth(std::size_t i, bool otherwise) const { return args[i] ? jinja::truth(*args[i]) : otherwise; }

const Builtin* find_builtin(std::span<const Builtin> table, std::string_view name) {
  for (const Builtin& builtin : table) {
    if (builtin.name == name) return &builtin;
  }
  return nullptr;
}

Value invoke(Runtime& runtime, const Builtin& builtin, const Value& self, const Arguments& arguments) {
  Runtime::Depth deeper(runtime);
  Call call{runtime, self, {}, {}, {}};
  std::size_t taken = 0;
  auto take_named = [&](std::string_view name) -> std::optional<Value> {
    for (const auto& [key, value] : arguments.named) {
      if (key == name) return value;
    }
    return std::nullopt;
  };
  std::vector<Parameter> parameters = parse_parameters(builtin.parameters);
  bool any_named = false;
  std::size_t named_taken = 0;
  for (const Parameter& parameter : parameters) {
    if (parameter.name == "*") {
      call.rest.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(taken),
                       arguments.positional.end());
      taken = arguments.positional.size();
    } else if (parameter.name == "**") {
      any_named = true;
    } else if (taken < arguments.positional.size()) {
      if (take_named(parameter.name))
        raise("{}() got multiple values for argument '{}'", builtin.name, parameter.name);
      call.args.emplace_back(arguments.positional[taken++]);
    } else {
      call.args.push_back(take_named(parameter.name));
      if (call.args.back()) {
        ++named_taken;
      } else if (!parameter.optional) {
        raise("{}() is missing its argument '{}'", builtin.name, parameter.name);
      }
    }
  }
  if (taken < arguments.positional.size())
    raise("{}() takes {} arguments and was given {}", builtin.name, taken, arguments.positional.size());
  if (any_named) {
    call.named = arguments.named;
  } else if (named_taken < arguments.named.size()) {
    for (const auto& [key, value] : arguments.named) {
      auto known = [&](const Parameter& parameter) { return parameter.name == key; };
      if (std::none_of(parameters.begin(), parameters.end(), known))
        raise("{}() got an unexpected keyword argument '{}'", builtin.name, key);
    }
  }
  return builtin.function(call);
}

Value bound(Heap& heap, const Builtin& builtin, Value self) {
  heap.step();
  return heap.object(std::make_shared<BoundBuiltin>(builtin, std::move(self)));
}

const Builtin* find_filter(std::string_view name) {
  for (auto table : {text_filters(), number_filters(), sequence_filters(), selection_filters()}) {
    if (const Builtin* found = find_builtin(table, name)) return found;
  }
  return nullptr;
}

}  // namespace verbatim::jinja
