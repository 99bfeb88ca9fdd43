#include "jinja/interpreter.h"

#include <algorithm>

#include "base/check.h"
#include "jinja/attributes.h"
#include "jinja/compare.h"
#include "jinja/loop.h"
#include "jinja/objects.h"
#include "jinja/repr.h"
#include "json/library.h"

namespace verbatim::jinja {

class Interpreter::Entered {
 public:
  Entered(Interpreter& interpreter, std::shared_ptr<Scope> scope)
      : interpreter_(interpreter), outer_(std::exchange(interpreter.scope_, std::move(scope))) {}
  ~Entered() { interpreter_.scope_ = std::move(outer_); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  Interpreter& interpreter_;
  std::shared_ptr<Scope> outer_;
};

namespace {

std::shared_ptr<Scope> inside(const std::shared_ptr<Scope>& scope) { return std::make_shared<Scope>(scope); }

// A macro as a value. The interpreter keeps its scope until the rendering ends.
class Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const MacroDef& definition, const std::shared_ptr<Scope>& scope)
      : interpreter_(interpreter), definition_(definition), scope_(scope) {}
  std::string_view type_name() const override { return "Macro"; }
  std::string repr(Heap&) const override { return "<Macro " + quoted_text(definition_.name) + ">"; }
  bool callable() const override { return true; }
  Value call(Runtime&, const Arguments& arguments) override {
    return interpreter_.call_macro(definition_, scope_.lock(), arguments);
  }
  std::optional<Value> attribute(Runtime& runtime, const Value&, std::string_view name) override {
    return name == "name" ? std::optional(runtime.heap.text(definition_.name)) : std::nullopt;
  }

 private:
  Interpreter& interpreter_;
  const MacroDef& definition_;
  const std::weak_ptr<Scope> scope_;
};

}  // namespace

Interpreter::Interpreter(const Tree& tree, const Json& variables, Runtime& runtime)
    : tree_(tree), runtime_(runtime), heap_(runtime.heap), scope_(std::make_shared<Scope>(nullptr)) {
  CHECK(variables.is_object(), "the variables of a template are a JSON object");
  for (NameId id = 0; id < tree.names.size(); ++id) {
    const std::string& name = tree.names[id];
    if (name == "loop") loop_ = id;
    if (name == "caller") caller_ = id;
    if (name == "varargs") varargs_ = id;
    if (name == "kwargs") kwargs_ = id;
    const Builtin* global = find_global(name);
    if (auto given = variables.find(name); given != variables.end()) {
      scope_->set(id, heap_.from_json(*given));
    } else if (global) {
      scope_->set(id, bound(heap_, *global, Value()));
    }
  }
  scope_ = inside(scope_);
}

std::string Interpreter::run() {
  std::string out;
  out_ = &out;
  run(tree_.body);
  return out;
}

template <class Work>
auto Interpreter::at_line(int line, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (Failure& failure) {
    if (failure.line == 0) failure.line = line;
    throw;
  }
}

void Interpreter::write(std::string_view text) {
  written_ += static_cast<std::int64_t>(text.size());
  if (written_ > heap_.limits().output_bytes)
    raise("the template writes more than {} bytes", heap_.limits().output_bytes);
  out_->append(text);
}

template <class Work>
std::optional<Value> Interpreter::captured(Work work, Flow& flow) {
  struct Buffer {
    explicit Buffer(Interpreter& i)
        : interpreter(i), outer(std::exchange(i.out_, &text)), written(i.written_) {}
    ~Buffer() {
      interpreter.out_ = outer;
      interpreter.written_ = written;
    }
    Interpreter& interpreter;
    std::string text;
    std::string* const outer;
    const std::int64_t written;
  };
  Buffer buffer(*this);
  flow = work();
  if (flow != Flow::next) return std::nullopt;
  return heap_.text(std::move(buffer.text));
}

Interpreter::Flow Interpreter::run(const Block& block) {
  for (const Statement& statement : block) {
    if (const Flow flow = run(statement); flow != Flow::next) return flow;
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const Statement& statement) {
  return at_line(statement.line, [&] {
    Runtime::Depth deeper(runtime_);
    return std::visit([&](const auto& node) { return run(node); }, statement.node);
  });
}

Interpreter::Flow Interpreter::run(const DataStatement& s) {
  heap_.read(s.text.size());
  write(s.text);
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const PrintStatement& s) {
  const Value value = eval(s.value);
  if (const Text* text = value.text()) {
    heap_.read(text->bytes.size());
    write(text->bytes);
  } else {
    write(str(value, heap_));
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const IfStatement& s) {
  for (const auto& [test, block] : s.branches) {
    if (truth(eval(test))) return run(block);
  }
  return run(s.otherwise);
}

Iteration Interpreter::filtered(const ForStatement& s, Iteration next) {
  return [this, &s, next = std::move(next), outer = scope_]() -> std::optional<Value> {
    while (auto item = next()) {
      Entered scope(*this, inside(outer));
      if (loop_) scope_->set(*loop_, heap_.undefined("'loop' is undefined in the filter of a for loop"));
      assign(s.target, *item);
      if (truth(eval(s.filter))) return item;
    }
    return std::nullopt;
  };
}

Interpreter::Flow Interpreter::run(const ForStatement& s) {
  const Value iterable = eval(s.iterable);
  Iteration next = iterate(iterable, heap_);
  auto size = length(iterable);
  if (s.filter) next = filtered(s, std::move(next)), size.reset();
  auto loop = std::make_shared<Loop>(std::move(next), size);
  const Value shown = heap_.object(loop);
  struct Finish {
    ~Finish() { loop.finish(); }
    Loop& loop;
  } finish{*loop};

  bool completed = false;  // one iteration came to its end: Jinja's condition for leaving `else` out
  const std::shared_ptr<Scope> outer = scope_;
  while (auto item = loop->advance()) {
    Entered scope(*this, inside(outer));
    if (loop_) scope_->set(*loop_, shown);
    assign(s.target, std::move(*item));
    const Flow flow = run(s.body);
    if (flow == Flow::leave) break;
    completed |= flow == Flow::next;
  }
  if (completed) return Flow::next;
  Entered scope(*this, inside(outer));
  return run(s.otherwise);
}

Interpreter::Flow Interpreter::run(const SetStatement& s) {
  assign(s.target, eval(s.value));
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const SetBlockStatement& s) {
  Flow flow;
  std::optional<Value> text;
  {
    Entered scope(*this, inside(scope_));
    text = captured([&] { return run(s.body); }, flow);
    if (text && s.filter) {
      const auto outer = std::exchange(piped_, text);
      text = eval(s.filter);
      piped_ = outer;
    }
  }
  if (text) assign(s.target, std::move(*text));
  return flow;
}

Interpreter::Flow Interpreter::run(const FilterStatement& s) {
  Entered scope(*this, inside(scope_));
  Flow flow;
  const auto text = captured([&] { return run(s.body); }, flow);
  if (!text) return flow;
  const auto outer = std::exchange(piped_, text);
  const Value result = eval(s.filter);
  piped_ = outer;
  if (!result.text()) raise("a filter block needs text, not {}", result.type_name());
  write(result.text()->bytes);
  return Flow::next;
}

Value Interpreter::macro_value(const MacroDef& macro) {
  kept_.push_back(scope_);
  return heap_.keep<Macro>(*this, macro, scope_);
}

Interpreter::Flow Interpreter::run(const MacroStatement& s) {
  scope_->set(s.name, macro_value(*s.macro));
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const CallStatement& s) {
  const CallExpr& expr = std::get<CallExpr>(s.call->node);
  const Value callee = eval(expr.callee);
  Arguments arguments = eval_arguments(expr.arguments);
  arguments.named.emplace_back("caller", macro_value(*s.caller));
  write(str(call(callee, arguments), heap_));
  return Flow::next;
}

Interpreter::Flow Interpreter::run(const WithStatement& s) {
  const auto scope = inside(scope_);
  std::vector<Value> values;
  for (const auto& [target, value] : s.bindings) values.push_back(eval(value));
  Entered entered(*this, scope);
  for (std::size_t i = 0; i < values.size(); ++i) assign(s.bindings[i].first, std::move(values[i]));
  return run(s.body);
}

Interpreter::Flow Interpreter::run(const ScopeStatement& s) {
  Entered scope(*this, inside(scope_));
  return run(s.body);
}

void Interpreter::assign(const Target& target, Value value) {
  if (!target.parts.empty()) return unpack(target.parts, value);
  if (target.attribute.empty()) return scope_->set(target.name, std::move(value));
  const Value* found = scope_->find(target.name);
  Namespace* space = found ? found->object_as<Namespace>() : nullptr;
  if (!space) raise("cannot assign attribute '{}' on an object that is no namespace", target.attribute);
  space->set(target.attribute, std::move(value), heap_);
}

void Interpreter::unpack(const std::vector<Target>& parts, const Value& value) {
  std::vector<Value> items;
  Iteration next = iterate(value, heap_);
  while (auto item = next()) {
    items.push_back(std::move(*item));
    if (items.size() > parts.size()) raise("too many values to unpack (expected {})", parts.size());
  }
  if (items.size() < parts.size())
    raise("not enough values to unpack (expected {}, got {})", parts.size(), items.size());
  for (std::size_t i = 0; i < parts.size(); ++i) assign(parts[i], std::move(items[i]));
}

// The parameters in the current scope, as jinja2.runtime.Macro.__call__ fills them in.
void Interpreter::bind_parameters(const MacroDef& macro, const Arguments& arguments) {
  auto named = arguments.named;
  auto take_named = [&](std::string_view name) -> std::optional<Value> {
    for (auto it = named.begin(); it != named.end(); ++it) {
      if (it->first != name) continue;
      const Value value = it->second;
      named.erase(it);
      return value;
    }
    return std::nullopt;
  };
  const std::size_t count = macro.parameters.size(), given = arguments.positional.size();
  bool caller_is_parameter = false;
  std::vector<std::optional<Value>> values;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = tree_.names[macro.parameters[i]];
    values.push_back(i < given ? arguments.positional[i] : take_named(name));
    caller_is_parameter |= name == "caller";
  }
  if (macro.uses_caller && !caller_is_parameter) {
    const auto caller = take_named("caller");
    scope_->set(*caller_, caller && !caller->is_none() ? *caller : heap_.undefined("No caller defined"));
  }
  if (macro.uses_kwargs) {
    std::vector<Dict::Entry> entries;
    for (auto& [name, value] : named) entries.emplace_back(heap_.text(name), std::move(value));
    scope_->set(*kwargs_, heap_.dict(std::move(entries)));
  } else if (!named.empty()) {
    raise("the macro '{}' takes no keyword argument '{}'", macro.name, named.front().first);
  }
  if (macro.uses_varargs) {
    const auto begin = arguments.positional.begin() + static_cast<std::ptrdiff_t>(std::min(count, given));
    scope_->set(*varargs_, heap_.tuple(std::vector<Value>(begin, arguments.positional.end())));
  } else if (given > count) {
    raise("the macro '{}' takes not more than {} argument(s)", macro.name, count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t required = count - macro.defaults.size();
    if (!values[i] && i >= required) values[i] = eval(macro.defaults[i - required]);
    if (!values[i])
      values[i] =
          heap_.undefined(fmt::format("parameter '{}' was not provided", tree_.names[macro.parameters[i]]));
    scope_->set(macro.parameters[i], std::move(*values[i]));
  }
}

Value Interpreter::call_macro(const MacroDef& macro, const std::shared_ptr<Scope>& scope,
                              const Arguments& arguments) {
  CHECK(scope != nullptr, "the scope of macro '{}' is gone before the rendering ends", macro.name);
  Entered entered(*this, inside(scope));
  bind_parameters(macro, arguments);
  Flow flow;
  return *captured([&] { return run(macro.body); }, flow);
}

}  // namespace verbatim::jinja
