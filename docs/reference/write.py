# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the reference: the pages beside this file, from the documentation in the sources.

settings.md comes from the roles' argument_specs.yml and from the rules by which check_settings
checks what these cannot express, modules.md and filters.md from the plugins, and playbooks.md from
the comments at the top of the playbooks. The pages are in the repository, as they are read there,
too. With --check, nothing is written: a page that is not up to date is an error. Needs the
collection in PYTHONPATH, as bin/test has it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.check import RULES
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Named,
    Range,
    entry_point_of,
    settings_of,
)
from antsibull_docs_parser import dom, md, parser

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COLLECTION = "pillarbox.mail"
# The role with what most sites set comes first, the others by the way of a message.
ROLES = (
    "mail",
    "postfix",
    "rspamd",
    "dovecot",
    "fail2ban",
    "web",
    "dav",
    "resolver",
    "acme_sh",
    "dns",
)
# How an argument_specs.yml, in which there are no tables, refers to one.
TABLE = re.compile(r"those of the entry point C\(\w+\)")
KINDS = {"str": "string", "int": "number", "float": "number", "bool": "boolean", "raw": "value"}
# The setting that an entry point is described with.
SECTIONS = {
    path.replace(".", "_"): path.partition(".")[0]
    for path, rule in RULES.items()
    if isinstance(rule, Named)
}
Option = Mapping[str, Any]
Row = tuple[str, ...]


class Markdown(md.MDFormatter):
    """Markdown that is readable as text, too, without links to the section that it is in."""

    def __init__(self, section: str = "") -> None:
        self._section = section

    @staticmethod
    def _code(text: str) -> str:
        return f"`{text}`".replace("|", "\\|")

    def format_text(self, part: dom.TextPart) -> str:
        return re.sub(r"([*<\[|])", r"\\\1", part.text)

    def format_bold(self, part: dom.BoldPart) -> str:
        return f"**{part.text}**"

    def format_code(self, part: dom.CodePart) -> str:
        guide = re.fullmatch(r"docs/([\w-]+\.md)", part.text)
        return f"[{guide[1]}](../{guide[1]})" if guide else self._code(part.text)

    def format_option_value(self, part: dom.OptionValuePart) -> str:
        return self._code(part.value)

    def format_option_name(self, part: dom.OptionNamePart, url: str | None) -> str:
        text = self._code(part.name if part.value is None else f"{part.name}={part.value}")
        role = part.plugin is not None and part.plugin.type == "role"
        setting = SECTIONS.get(part.entrypoint or "", part.link[0])
        return f"[{text}](settings.md#{setting})" if role and setting != self._section else text

    def format_return_value(self, part: dom.ReturnValuePart, url: str | None) -> str:
        text = self._code(part.name)
        return f"{text} of {self._plugin(part.plugin)}" if part.plugin else text

    def format_module(self, part: dom.ModulePart, url: str | None) -> str:
        return self._plugin(dom.PluginIdentifier(part.fqcn, "module"))

    def format_plugin(self, part: dom.PluginPart, url: str | None) -> str:
        return self._plugin(part.plugin)

    def _plugin(self, plugin: dom.PluginIdentifier) -> str:
        name = plugin.fqcn.removeprefix(f"{COLLECTION}.")
        page = {"module": "modules.md", "filter": "filters.md", "role": "settings.md"}
        ours = plugin.fqcn != name and plugin.type in page
        # Roles without settings have no section.
        linked = ours and (plugin.type != "role" or name in ROLES)
        anchor = f"role-{name}" if plugin.type == "role" else name
        return f"[{self._code(name)}]({page[plugin.type]}#{anchor})" if linked else self._code(name)


def markdown(
    text: str | Iterable[str],
    context: parser.Context,
    section: str = "",
    separator: str = "\n\n",
) -> str:
    """Return a description as Markdown, with the separator between its paragraphs."""
    paragraphs = [text] if isinstance(text, str) else list(text)
    parsed = parser.parse([TABLE.sub("those below", part) for part in paragraphs], context)
    return separator.join(md.to_md([part], Markdown(section)) for part in parsed)


def kind(option: Option, limits: Range | None = None, keyed_by: str = "") -> str:
    """Return the type of an option in words."""
    name = option.get("type", "str")
    if name == "list":
        element, comma, rest = kind({"type": option.get("elements", "raw")}, limits).partition(",")
        return f"list of {element}s{comma}{rest}".replace("dictionarys", "dictionaries")
    if name == "dict":
        return f"dictionary by {keyed_by}" if keyed_by else "dictionary"
    words = KINDS.get(name, str(name))
    return f"{words}, {limits.low} to {limits.high}" if limits else words


def value(default: object) -> str:
    """Return a default as it is written in YAML."""
    if isinstance(default, str) and default and "{" not in default:
        return f"`{default}`"
    text: str = yaml.safe_dump(default, default_flow_style=True, width=10**9, sort_keys=False)
    return f"`{text.splitlines()[0]}`"


def default_of(option: Option) -> str:
    if option.get("required"):
        return "required"
    return value(option["default"]) if option.get("default") is not None else ""


def choices_of(option: Option) -> str:
    choices = option.get("choices", ())
    return " Choices: " + ", ".join(f"`{choice}`" for choice in choices) + "." if choices else ""


def table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, tuple("---" for _column in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


class Settings:
    """The settings of a role, and of its dictionaries by name the keys of their entries."""

    def __init__(self, role: str) -> None:
        self._role = role
        specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())
        self._entry_points = specs["argument_specs"]

    def section(self) -> str:
        main = self._entry_points["main"]
        parts = [f"## Role `{self._role}`", f"**{main['short_description']}.**"]
        parts.append(markdown(main["description"], self._context("main")))
        for name, option in settings_of(self._role, self._entry_points).items():
            parts += self._setting(name, option)
        return "\n\n".join(parts)

    def _context(self, entry: str) -> parser.Context:
        return parser.Context(dom.PluginIdentifier(f"{COLLECTION}.{self._role}", "role"), entry)

    def _setting(self, name: str, option: Option) -> Iterator[str]:
        context = self._context("main")
        default = default_of(option)
        facts = [self._kind(name, option)]
        facts += [default if option.get("required") else f"default {default}"] if default else []
        yield f"### `{name}`"
        yield f"*{'; '.join(facts)}*" + choices_of(option).replace(" Choices", "  \nChoices")
        yield markdown(option["description"], context, name)
        rule = RULES.get(name)
        if isinstance(rule, Named):
            entry = self._entry_points[entry_point_of(name, rule)]
            # Its first sentence says which setting it belongs to.
            _sentence, _end, more = " ".join(entry["description"]).partition("). ")
            if more:
                yield markdown(more, self._context(entry_point_of(name, rule)), name)
        rows = list(self._rows(name, option, "", context))
        if rows:
            yield table(("Key", "Type", "Default", "Meaning"), rows)

    def _kind(self, path: str, option: Option) -> str:
        rule = RULES.get(path)
        limits = rule if isinstance(rule, Range) else None
        return kind(option, limits, rule.what if isinstance(rule, Named) else "")

    def _rows(
        self, path: str, option: Option, prefix: str, context: parser.Context
    ) -> Iterator[Row]:
        """Yield a row for each key below an option."""
        section = path.partition(".")[0]
        options, rule = option.get("options", {}), RULES.get(path)
        if isinstance(rule, Named):
            entry = entry_point_of(path, rule)
            if entry != path.replace(".", "_"):
                return  # described with the other setting
            options, context = self._entry_points[entry]["options"], self._context(entry)
            prefix = f"{prefix}<{rule.what}>." if prefix else ""
        for key, sub in options.items():
            meaning = markdown(sub["description"], context, section, "<br>") + choices_of(sub)
            here = f"{path}.{key}"
            yield f"`{prefix}{key}`", self._kind(here, sub), default_of(sub), meaning
            yield from self._rows(here, sub, f"{prefix}{key}.", context)


def settings_page() -> str:
    intro = """# Settings

All settings of all roles. Only `mail_hostname` and `mail_domains` have to be set. A run checks all
settings before anything else, and reports everything that is wrong at once; so does the module
[`check_settings`](modules.md#check_settings). `ansible-doc -t role pillarbox.mail.mail` shows them
on the command line."""
    return "\n\n".join([intro, *(Settings(role).section() for role in ROLES)])


def documentation(plugin: Path) -> dict[str, Any]:
    """Return the constants with which a plugin documents itself."""
    found: dict[str, Any] = {}
    for node in ast.parse(plugin.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found[ast.unparse(node.targets[0])] = node.value.value
    return {
        "doc": yaml.safe_load(found["DOCUMENTATION"]),
        "examples": found["EXAMPLES"].strip("\n"),
        "return": yaml.safe_load(found["RETURN"]),
    }


def plugin_page(title: str, directory: str, plugin_type: str) -> str:
    parts = [f"# {title}", "Write their names with `pillarbox.mail.` before them."]
    for path in sorted((ROOT / directory).glob("*.py")):
        found = documentation(path)
        doc = found["doc"]
        context = parser.Context(dom.PluginIdentifier(f"{COLLECTION}.{path.stem}", plugin_type))
        parts += [f"## `{path.stem}`", f"**{doc['short_description']}.**"]
        parts.append(markdown(doc["description"], context))
        if needs := doc.get("requirements"):
            parts.append(f"Requires {markdown(needs, context, separator='; ')}.")
        if rows := list(plugin_rows(doc.get("options") or {}, "suboptions", context)):
            parts.append(table(("Parameter", "Type", "Default", "Meaning"), rows))
        for fragment in doc.get("extends_documentation_fragment", ()):
            parts.append(f"Also takes the parameters of `{fragment}`: owner, group, mode and such.")
        parts.append(f"```yaml\n{found['examples']}\n```")
        rows = list(plugin_rows(found["return"], "contains", context))
        returned = [(name, kind, meaning) for name, kind, _default, meaning in rows]
        parts.append(table(("Returned value", "Type", "Meaning"), returned))
    return "\n\n".join(parts)


def plugin_rows(
    options: Mapping[str, Any], below: str, context: parser.Context, prefix: str = ""
) -> Iterator[Row]:
    for name, option in options.items():
        meaning = markdown(option["description"], context, separator="<br>") + choices_of(option)
        shown = "input" if name in ("_input", "_value") else f"{prefix}{name}"
        yield f"`{shown}`", kind(option), default_of(option), meaning
        yield from plugin_rows(option.get(below) or {}, below, context, f"{prefix}{name}.")


def playbooks_page() -> str:
    parts = [
        "# Playbooks",
        "Run them with `ansible-playbook pillarbox.mail.NAME -i inventory.yml`.",
    ]
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        comments = re.match(r"---\n((?:# .*\n)+)", path.read_text())
        assert comments, f"{path} does not begin with comments"
        text = comments[1].replace("# ", "").replace("\n", " ").strip()
        parts += [f"## `{path.stem}`", re.sub(r"docs/([\w-]+\.md)", r"[\1](../\1)", text)]
    return "\n\n".join(parts)


def pages() -> dict[Path, str]:
    """Return the text of each page."""
    texts = {
        "settings": settings_page(),
        "modules": plugin_page("Modules", "plugins/modules", "module"),
        "filters": plugin_page("Filters", "plugins/filter", "filter"),
        "playbooks": playbooks_page(),
    }
    mark = "<!-- Written by docs/reference/write.py; do not edit. -->"
    return {HERE / f"{name}.md": f"{mark}\n{text}\n" for name, text in texts.items()}


def main() -> None:
    for page, text in pages().items():
        if sys.argv[1:] != ["--check"]:
            page.write_text(text)
        elif not page.exists() or page.read_text() != text:
            sys.exit(f"{page.relative_to(ROOT)} is not up to date; run docs/reference/write.py")


if __name__ == "__main__":
    main()
