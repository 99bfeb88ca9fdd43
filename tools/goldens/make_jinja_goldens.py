#!/usr/bin/python3
"""Makes tests/jinja/golden and tests/chat/golden: what Jinja2 itself renders, with the settings of transformers.

    /usr/bin/python3 tools/goldens/make_jinja_goldens.py --templates FOLDER

Small templates: tests/jinja/cases/NAME.lines has one a line, NAME.blocks has them between lines "====". Each is rendered
with tests/jinja/cases/variables.json; golden/NAME.json is a list of {"template", "text"} or {"template", "error"}.

Chat templates: each FOLDER/NAME.jinja is rendered over tests/chat/conversations.json; golden/NAME.json maps the name of a
conversation, with "+" where a generation prompt is added, to {"text"} or {"error"}. Messages are passed as transformers
and vLLM pass them: arguments of tool calls that are JSON text become objects, and `tools` and `documents` are None when
there are none. Content that is absent is null, and becomes "" where the template cannot take that.

An error's text is Python's own and is there for the reader; the tests only ask that both raise.
"""

import argparse
import copy
import datetime
import json
from pathlib import Path

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = Path(__file__).resolve().parents[2]
DATE = datetime.datetime(2024, 7, 26)  # the date that src/jinja/date.h freezes
BOS, EOS = "<s>", "</s>"


class Generation(jinja2.ext.Extension):
    """transformers' {% generation %}: a call block that gives its body back."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

    def _pass(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    """As transformers.utils.chat_template_utils._compile_jinja_template sets it up."""
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: DATE.strftime(format)
    return env


def render(source, variables):
    try:
        text = environment().from_string(source).render(**variables)
        text.encode()  # a lone surrogate is no text
        return {"text": text}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def small_templates(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".lines":
        return [line for line in text.split("\n") if line]
    return text.removesuffix("\n").split("\n====\n")


def with_object_arguments(messages):
    messages = copy.deepcopy(messages)
    for message in messages:
        message.setdefault("content", None)
        for call in message.get("tool_calls") or []:
            if isinstance(call["function"]["arguments"], str):
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return messages


def with_text_content(messages):
    return [m | {"content": ""} if "content" in m and m["content"] is None else m for m in messages]


def render_chat(source, conversation, add_generation_prompt):
    messages = with_object_arguments(conversation["messages"])
    variables = {
        "tools": conversation.get("tools"),
        "documents": None,
        "add_generation_prompt": add_generation_prompt,
        "bos_token": BOS,
        "eos_token": EOS,
        **conversation.get("kwargs", {}),
    }
    result = render(source, variables | {"messages": messages})
    if "error" in result:
        result = render(source, variables | {"messages": with_text_content(messages)})
    return result


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--templates", type=Path, required=True, help="a folder of *.jinja chat templates")
    arguments = parser.parse_args()

    cases = ROOT / "tests/jinja/cases"
    variables = json.loads((cases / "variables.json").read_text(encoding="utf-8"))
    for path in sorted(cases.glob("*.lines")) + sorted(cases.glob("*.blocks")):
        rendered = [{"template": source} | render(source, variables) for source in small_templates(path)]
        write(ROOT / "tests/jinja/golden" / f"{path.stem}.json", rendered)

    conversations = json.loads((ROOT / "tests/chat/conversations.json").read_text(encoding="utf-8"))
    for path in sorted(arguments.templates.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        rendered = {
            name + ("+" if prompt else ""): render_chat(source, conversation, prompt)
            for name, conversation in conversations.items()
            for prompt in (False, True)
        }
        write(ROOT / "tests/chat/golden" / f"{path.stem}.json", rendered)


if __name__ == "__main__":
    main()
