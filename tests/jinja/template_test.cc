// What Jinja2 cannot tell us: the words of errors, the date, what is refused on purpose.
#include "jinja/template.h"
#include "json/library.h"

#include <gtest/gtest.h>

#include <thread>

namespace verbatim::jinja {
namespace {

using Json = nlohmann::ordered_json;

std::string outcome(std::string_view source, const Json& variables = Json::object(), Date date = {}) {
  const Result<Template> compiled = Template::create(source);
  if (!compiled.ok()) return "load: " + compiled.error().message;
  const Result<std::string> text = compiled->render(variables, date);
  return text.ok() ? *text : "render: " + text.error().message;
}

struct Case {
  const char* source;
  const char* outcome;
};

TEST(Errors, NameLineAndConstruct) {
  for (const auto& [source, expected] : std::initializer_list<Case>{
           {"a\n{% include 'x' %}", "load: line 2: the tag 'include' is not supported"},
           {"{% do x %}", "load: line 1: unknown tag 'do'"},
           {"\n\n{{ x|nope }}", "render: line 3: the filter 'nope' is not supported"},
           {"{% if false %}{{ x|nope }}{{ x is nope }}{% endif %}", ""},
           {"{{ x is nope }}", "render: line 1: the test 'nope' is not supported"},
           {"{% for x in y recursive %}{% endfor %}", "load: line 1: 'for ... recursive' is not supported"},
           {"{% if x %}\n", "load: line 1: the block that begins here is not closed by 'endif'"},
           {"{# \n", "load: line 1: the comment is not closed"},
           {"{{ 9223372036854775808 }}",
            "load: line 1: the integer 9223372036854775808 does not fit into 64 bits"},
           {"{{ '\\N{DASH}' }}",
            "load: line 1: the escape \\N in a string is not supported: write the character itself"},
           {"a\n{{ x.y }}", "render: line 2: 'x' is undefined"},
           {"{% if true %}\n\n{{ {}.a.b }}{% endif %}", "render: line 3: 'dict object' has no attribute 'a'"},
           {"{{ 1 +\n'a' }}", "render: line 1: unsupported operand type(s) for +: 'int' and 'str'"},
           {"{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n\n{{ m() }}", "render: line 2: division by zero"},
           {"{{ 'a'.encode() }}", "render: line 1: str.encode is not supported"},
           {"{{ [].append(1) }}", "render: line 1: access to attribute 'append' of 'list' object is unsafe"},
           {"{{ 'a'|center(x=1) }}", "render: line 1: center() got an unexpected keyword argument 'x'"},
           {"{{ 9223372036854775807 + 1 }}", "render: line 1: the integer result does not fit into 64 bits"},
           {"{{ raise_exception('Only\ntext.') }}", "render: Only\ntext."},
       }) {
    EXPECT_EQ(outcome(source), expected) << source;
  }
}

TEST(Errors, SourceMustBeShortUtf8) {
  EXPECT_EQ(outcome("a\xFF"), "load: the template is not UTF-8");
  EXPECT_EQ(outcome(std::string(kMaxSourceBytes + 1, 'x')),
            "load: a template of 1048577 bytes is longer than 1048576");
}

TEST(Dates, AreAnArgumentAndFrozen) {
  EXPECT_EQ(outcome("{{ strftime_now('%d %b %Y') }}"), "26 Jul 2024");
  EXPECT_EQ(outcome("{{ strftime_now('%A, %B %d, %Y, day %j') }}", Json::object(), {2000, 2, 29}),
            "Tuesday, February 29, 2000, day 060");
  EXPECT_EQ(outcome("x", Json::object(), {2001, 2, 29}), "render: 2001-2-29 is not a day of the calendar");
  EXPECT_EQ(outcome("{{ strftime_now('%s') }}"), "render: line 1: strftime_now does not support %s");
  EXPECT_EQ(outcome("{{ strftime_now('%1000000000d') }}"),
            "render: line 1: strftime_now writes more than 1000 bytes");
}

TEST(Variables, AreWhatJsonSays) {
  const Json variables = {{"i", -5},      {"u", 5u},   {"f", 2.0}, {"range", "shadowed"},
                          {"n", nullptr}, {"s", "é\n"}};
  EXPECT_EQ(outcome("{{ [i, u, f, n, s] }} {{ range }}", variables), "[-5, 5, 2.0, None, 'é\\n'] shadowed");
  EXPECT_EQ(outcome("{{ u }}", {{"u", 9223372036854775808u}}),
            "render: the integer 9223372036854775808 is larger than 64 bits hold");
}

TEST(Template, RendersOnManyThreadsAtOnce) {
  const Result<Template> compiled = Template::create(
      "{% set ns = namespace(n=0) %}{% for i in range(n) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}");
  ASSERT_TRUE(compiled.ok());
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    threads.emplace_back([&, t] { texts[t] = *compiled->render(Json{{"n", 1000 + t}}); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(texts, (std::vector<std::string>{"499500", "500500", "501501", "502503"}));
}

}  // namespace
}  // namespace verbatim::jinja
