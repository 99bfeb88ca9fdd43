// A hostile template ends with an error that names its limit.
#include "jinja/limits.h"

#include <gtest/gtest.h>

#include "jinja/template.h"
#include "json/library.h"

namespace verbatim::jinja {
namespace {

using Json = nlohmann::ordered_json;

constexpr Limits kSmall = {.steps = 100'000, .memory_bytes = 1 << 20, .output_bytes = 10'000, .depth = 300};

std::string verdict(const std::string& source, const Limits& limits = kSmall,
                    const Json& variables = Json::object()) {
  const Result<Template> compiled = Template::create(source);
  if (!compiled.ok()) return compiled.error().message;
  const Result<std::string> text = compiled->render(variables, {}, limits);
  return text.ok() ? "ok" : text.error().message;
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

void expect_all(std::initializer_list<const char*> sources, const std::string& message) {
  for (const char* source : sources) {
    const std::string actual = verdict(source);
    EXPECT_NE(actual.find(message), std::string::npos) << source << "\n" << actual;
  }
}

TEST(Limits, Steps) {
  expect_all(
      {
          "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
          "{% set x = range(9999)|list %}{% for a in x %}{% if a in x %}{% endif %}{% endfor %}",
          "{% for i in range(99999) %}{% set x = 'a'|upper %}{% endfor %}",
          "{% set s = 'a' * 100000 %}{% for i in range(9999) %}{% if 'b' in s %}{% endif %}{% endfor %}",
          "{% set s = 'é' * 100000 %}{% for i in range(9999) %}{% set c = s[50000] %}{% endfor %}",
          "{{ ('a' * 100000).strip('b' * 100000 ~ 'a')|length }}",
          "{% set ns = namespace(v=[1]) %}{% for i in range(99) %}{% set ns.v = [ns.v, ns.v] %}{% endfor "
          "%}{{ ns.v == "
          "ns.v + [] }}{{ ns.v|tojson|length }}",
          "{{ range(99999)|map('string')|map('upper')|select('upper')|list }}",
      },
      "more than 100000 steps");
}

TEST(Limits, Memory) {
  expect_all(
      {
          "{{ 'x' * 1000000000 }}",
          "{{ 'x' * 9223372036854775807 }}",
          "{{ ([0] * 1000000000)|length }}",
          "{{ ([0] * 9223372036854775807)|length }}",
          "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% "
          "endfor %}",
          "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('a', "
          "ns.s) "
          "%}{% endfor %}",
          "{{ ('a' * 10000).replace('', 'b' * 10000) }}",
          "{{ ('a' * 10000)|list|join('b' * 10000) }}",
          "{{ 'a'.center(1000000000) }}",
          "{{ 'a'|indent(1000000000, true) }}",
          "{{ '%1000000000d' % 1 }}",
          "{{ '{:1000000000}'.format(1) }}",
          "{{ [1]|tojson(indent=1000000000) }}",
          "{{ [1]|batch(1000000000, 0)|list }}",
          "{{ ('\\n' * 10000)|indent('x' * 10000, blank=true) }}",
          "{% set ns = namespace(l=['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']) %}{% for i in range(99) %}{% set "
          "ns.l = ns.l "
          "+ ns.l %}{% endfor %}",
          "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + [x.y is defined, "
          "namespace()] "
          "%}{% endfor %}",
          "{% for i in range(99999) %}{% set n = namespace() %}{% endfor %}",
          "{% macro m() %}{% endmacro %}{% for i in range(99999) %}{% call m() %}{% endcall %}{% endfor %}",
      },
      "");
  EXPECT_EQ(verdict("{{ 'x' * 1000000000 }}"),
            "line 1: the template needs more than 1048576 bytes of memory");
  EXPECT_EQ(verdict("{{ ([0] * 1000000000)|length }}"),
            "line 1: the template needs more than 1048576 bytes of memory");
}

TEST(Limits, MemoryThatIsLetGoCountsNoMore) {
  EXPECT_EQ(verdict("{% for i in range(300) %}{% set x = 'a' * 10000 %}{% endfor %}"), "ok");
}

TEST(Limits, Output) {
  const std::string message = "the template writes more than 10000 bytes";
  EXPECT_EQ(verdict("{% for i in range(9999) %}xx{% endfor %}"), "line 1: " + message);
  EXPECT_EQ(verdict("\n{{ 'x' * 10001 }}"), "line 2: " + message);
  EXPECT_EQ(verdict("{% set x %}{{ 'x' * 9000 }}{{ 'y' * 9000 }}{% endset %}"), "line 1: " + message);
  EXPECT_EQ(verdict("{% set x %}{{ 'x' * 9000 }}{% endset %}{% set x %}{{ 'x' * 9000 }}{% endset %}"), "ok");
}

TEST(Limits, Depth) {
  const std::string message = "line 1: the template nests or recurses deeper than 300";
  EXPECT_EQ(verdict("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), message);
  EXPECT_EQ(verdict("{% macro a() %}{% call b() %}{% endcall %}{% endmacro %}{% macro b() %}{{ a() }}{{ "
                    "caller() }}{% endmacro %}"
                    "{{ a() }}"),
            message);
  EXPECT_EQ(verdict("{{ " + repeated("1 + ", 310) + "1 }}"), message);
  EXPECT_EQ(
      verdict("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(100) }}", Limits()),
      "ok");
}

TEST(Limits, NestingOfTheSource) {
  for (const auto& [open, close] :
       std::initializer_list<std::pair<const char*, const char*>>{{"(", ")"},
                                                                  {"[", "]"},
                                                                  {"{1:", "}"},
                                                                  {"-", ""},
                                                                  {"not ", ""},
                                                                  {"x[", "]"},
                                                                  {"f(", ")"},
                                                                  {"x if y else ", ""}}) {
    const std::string source = "{{ " + repeated(open, 50'000) + "1" + repeated(close, 50'000) + " }}";
    EXPECT_NE(verdict(source).find("400"), std::string::npos) << open;
  }
  for (const char* link : {".x", "[0]", "()", "|list", " + 1", " and 1", " or 1", " ** 1", " if 1"}) {
    EXPECT_NE(verdict("{{ x" + repeated(link, 50'000) + " }}").find("400"), std::string::npos) << link;
  }
  EXPECT_NE(verdict(repeated("{% if x %}", 50'000)).find("400"), std::string::npos);
  EXPECT_NE(verdict("{% set " + repeated("(", 5'000) + "x" + repeated(")", 5'000) + " = 1 %}").find("400"),
            std::string::npos);
  EXPECT_EQ(verdict("{% if x %}{% elif y %}" + repeated("{% elif y %}", 5'000) + "{% endif %}"), "ok");
  EXPECT_EQ(verdict("{{ x" + repeated(" ~ 1", 9'000) + " }}"), "ok");
}

TEST(Limits, NestingOfValues) {
  const std::string message = "values lie in one another deeper than 200";
  Json deep = 1;
  for (int i = 0; i < 300; ++i) deep = Json::array({deep});
  EXPECT_EQ(verdict("{{ x }}", kSmall, {{"x", deep}}), message);
  for (const char* grow :
       {"[ns.v]", "(ns.v,)", "{'a': ns.v}", "ns.v|map('string')", "[ns.v].count", "dict(a=ns.v).items()"}) {
    const std::string source = fmt::format(
        "{{% set ns = namespace(v=[]) %}}{{% for i in range(9999) %}}{{% set ns.v = {} %}}{{% endfor %}}",
        grow);
    EXPECT_EQ(verdict(source), "line 1: " + message) << grow;
  }
}

TEST(Limits, ThingsThatHoldThemselves) {
  EXPECT_EQ(verdict("{% set ns = namespace() %}{% set ns.ns = [ns] %}{{ ns }}"), "ok");
  EXPECT_EQ(verdict("{% set ns = namespace() %}{% macro m() %}{% endmacro %}{% set ns.m = m %}{% set ns.l = "
                    "[m, ns] %}"),
            "ok");
  EXPECT_EQ(
      verdict("{% set ns = namespace() %}{% for x in [1, 2] %}{% set ns.l = loop %}{% if loop.changed(loop) "
              "%}{% endif %}{% endfor %}{% if ns.l.changed(ns.l, ns) %}{{ ns.l.index }}{% endif %}"),
      "ok");
  EXPECT_EQ(verdict("{% set ns = namespace(c=cycler(1)) %}{% set ns.c = cycler(ns, ns.c) %}{{ ns.c.next() is "
                    "defined }}"),
            "ok");
}

TEST(Limits, Ranges) {
  for (const char* arguments :
       {"100001", "0, 9223372036854775807", "-9223372036854775807, 9223372036854775807",
        "9223372036854775807, -9223372036854775807, -1"}) {
    EXPECT_EQ(verdict(fmt::format("{{{{ range({}) }}}}", arguments)),
              "line 1: range() has more than 100000 items");
  }
  EXPECT_EQ(verdict("{{ range(9223372036854775807, -9223372036854775807) | list }}"), "ok");
  EXPECT_EQ(verdict("{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807) | list }}"),
            "ok");
}

}  // namespace
}  // namespace verbatim::jinja
