#include "jinja/template.h"

#include "base/utf8.h"
#include "jinja/interpreter.h"
#include "jinja/parser.h"
#include "json/library.h"

namespace verbatim::jinja {
namespace {

Error error_of(const Failure& failure) {
  if (failure.from_user) return Error{failure.message};
  if (failure.line == 0) return Error{failure.message};
  return fail("line {}: {}", failure.line, failure.message);
}

}  // namespace

Result<Template> Template::create(std::string_view source) {
  if (static_cast<std::int64_t>(source.size()) > kMaxSourceBytes)
    return fail("a template of {} bytes is longer than {}", source.size(), kMaxSourceBytes);
  if (well_formed_bytes(source, 0) != source.size()) return fail("the template is not UTF-8");
  try {
    return Template(std::make_shared<const Tree>(parse(source)));
  } catch (const Failure& failure) {
    return error_of(failure);
  }
}

Result<std::string> Template::render(const Json& variables, Date date, const Limits& limits) const {
  if (!is_valid(date)) return fail("{}-{}-{} is not a day of the calendar", date.year, date.month, date.day);
  try {
    Runtime runtime(limits, date);
    return Interpreter(*tree_, variables, runtime).run();
  } catch (const Failure& failure) {
    return error_of(failure);
  }
}

}  // namespace verbatim::jinja
