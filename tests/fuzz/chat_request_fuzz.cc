// Whole chat requests: any bytes as a body that meets templates, tools, schemas and response formats of every kind.
// The first byte picks the template. What is refused is refused as a client's error; what is taken is within the limits,
// and another reading of the same body gives the same call.
#include <array>
#include <cstddef>
#include <cstdint>

#include "server/call.h"
#include "server/tiny_served_model.h"

namespace {

using namespace verbatim;
using namespace verbatim::server;

// Arguments as objects, content as parts, tools walked member by member.
constexpr const char* kObjects =
    "{%- macro show(schema) -%}{%- for key, value in schema.items() -%}{{ key }}"
    "{%- if value is mapping %}{ {{- show(value) -}} }{% else %}={{ value | tojson }}{% endif %};"
    "{%- endfor -%}{%- endmacro -%}"
    "{% for t in tools or [] %}{{ t.function.name }}: {{ show(t.function.parameters or {}) }}\n{% endfor %}"
    "{% for m in messages %}[{{ m.role }}]{% for part in m.content %}{{ part.text }}{% endfor %}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}({% for k, v in c.function.arguments.items() %}"
    "{{ k }}={{ v }},{% endfor %}){% endfor %}\n{% endfor %}"
    "{% for key, value in (documents or {}).items() if key is string %}{{ key[:3] ~ value | string }}{% "
    "endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}";

// Looks back, counts, and demands turns in order.
constexpr const char* kTurns =
    "{% set ns = namespace(last=none, users=0) %}{% for m in messages[::-1] %}{% if m.role == 'user' and "
    "ns.last is "
    "none %}{% set ns.last = loop.revindex0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if loop.index0 and m.role == messages[loop.index0 - 1].role %}"
    "{{ raise_exception('two turns of ' ~ m.role) }}{% endif %}{% set ns.users = ns.users + (m.role == "
    "'user') | int %}"
    "<|{{ m.role }}|>{{ (m.content or '') | trim }}{% if loop.index0 == ns.last %} (last){% endif %}\n{% "
    "endfor %}"
    "{{ ns.users }}{% if enable_thinking is defined and enable_thinking %}<think>{% endif %}<|assistant|>";

constexpr std::array kTemplates = {kTinyTemplate, kObjects, kTurns};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array models = {tiny_served_model(kTemplates[0]), tiny_served_model(kTemplates[1]),
                                    tiny_served_model(kTemplates[2])};
  if (size == 0) return 0;
  const ServedModel& model = models[data[0] % models.size()];
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto call = read_call(body, kChat, model), again = read_call(body, kChat, model);
  CHECK(call.ok() == again.ok(), "a body is refused once of two times");
  if (!call) {
    CHECK(call.error().status >= 400 && call.error().status < 500 && !call.error().message.empty(),
          "refused with status {}", call.error().status);
    CHECK(call.error().message == again.error().message, "refused in two ways");
    return 0;
  }
  CHECK(call->digest == again->digest, "one body has two digests");
  for (const GenerateRequest& request : call->requests)
    CHECK(static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens <= model.context &&
              request.n >= 1,
          "a call is beyond the limits");
  return 0;
}
