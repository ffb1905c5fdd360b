"""Tables of config keys, from what the code says of them: signatures, docstrings, YAML files.

``{keys} GROUP`` in a page becomes a table for each choice of a group of ``conf/``, ``{keys} run``
one of the top-level keys, and ``{choices}`` one of all groups. A key's meaning is its entry under
``Args:`` in the docstring of the class that takes it, or the comment above it in the YAML file.
"""

import inspect
import re
import types
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from uniseq.config.meanings import SCHEMAS, comments_in, meanings

CONF = Path(__file__).parents[1] / "conf"


class Key(NamedTuple):
    """A row of a table."""

    name: str
    type: str
    default: str
    meaning: str


class KeyTable(NamedTuple):
    """The keys of one node of the config: its path, the class that takes them, and the rows."""

    path: str
    target: str
    rows: list[Key]


def groups() -> list[str]:
    """All groups but Hydra's own, in the order of the config."""
    files = {path.parent.relative_to(CONF).as_posix() for path in CONF.glob("*/**/*.yaml")}
    order = [str(next(iter(each))) for each in _defaults(CONF / "config.yaml") if each != "_self_"]
    listed = [name.removeprefix("override ") for name in order]
    return [name for name in [*listed, *sorted(files - set(listed))] if name != "hydra"]


def _defaults(file: Path) -> list[Any]:
    return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("defaults", [])


def choices(group: str) -> list[str]:
    """The choices of a group, in alphabetical order."""
    return sorted(path.stem for path in (CONF / group).glob("[!_]*.yaml"))


def command(group: str, choice: str) -> tuple[str, str]:
    """What the file of a choice says in its first comment: how it is used, and what it is."""
    lines = _text(group, choice).splitlines()
    first = next(line for line in lines if line.startswith("#") and "@package" not in line)
    said, _, what = first.removeprefix("#").strip().partition("      ")
    return said, what.strip()


def _text(group: str, choice: str) -> str:
    return (CONF / group / f"{choice}.yaml").read_text(encoding="utf-8")


def tables(group: str, choice: str) -> Iterator[KeyTable]:
    """A table for each node with a class in the file of a choice, the outermost first."""
    file = CONF / group / f"{choice}.yaml"
    yield from _tables(group.replace("/", "."), _read(file), file)


def run_keys() -> KeyTable:
    """The top-level keys that are no groups."""
    file = CONF / "config.yaml"
    values = _read(file)
    return KeyTable("", "", [row for row in _rows(SCHEMAS[""], values, file) if row.name in values])


def _read(file: Path) -> dict[str, Any]:
    """The keys of a file, those of the files beside it in its defaults list included."""
    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    whole: dict[str, Any] = {}
    for name in content.pop("defaults", []):
        if isinstance(name, str) and (file.parent / f"{name}.yaml").is_file():
            whole |= _read(file.parent / f"{name}.yaml")
    return whole | content


def _tables(path: str, node: dict[str, Any], file: Path) -> Iterator[KeyTable]:
    target = node.get("_target_")
    values = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    plain = {k: v for k, v in values.items() if not (isinstance(v, dict) and "_target_" in v)}
    if target == "???":
        rows = [Key("_target_", "class", "to be set", "The class, named by module and name.")]
        yield KeyTable(path, "", rows)
    elif target is not None or plain:
        yield KeyTable(path, target or "", list(_rows(target or SCHEMAS[path], plain, file)))
    for key, value in values.items():
        if isinstance(value, dict) and "_target_" in value:
            yield from _tables(f"{path}.{key}", value, file)


def _load(target: str) -> Any:
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


def _rows(target: str, values: dict[str, Any], file: Path) -> Iterator[Key]:
    """The keys in the files, then those that the class takes besides."""
    callee = _load(target)
    said = _comments(file) | meanings(target)
    parameters, hints = inspect.signature(callee).parameters, _hints(callee)
    # Of another package's class the file chooses the keys.
    takes = callee.__init__ if inspect.isclass(callee) else callee
    ours = getattr(takes, "__module__", "").startswith("uniseq.")
    for name in dict.fromkeys([*values, *(parameters if ours else [])]):
        parameter = parameters.get(name)
        if name not in values and name in _SUPPLIED:
            continue
        default = values.get(name, getattr(parameter, "default", inspect.Parameter.empty))
        if isinstance(default, dict) and "_target_" in default:
            continue
        type_ = _type(hints[name]) if name in hints else _type_of(default)
        yield Key(name, type_, _default(default), _sentence(said.get(name, "")))


# What the project hands over itself.
_SUPPLIED = {"source", "reader", "rec", "params", "optimizer"}


def _comments(file: Path) -> dict[str, str]:
    """The comment above each key of a file and of the files in its defaults list."""
    found: dict[str, str] = {}
    for name in _defaults(file):
        if isinstance(name, str) and (file.parent / f"{name}.yaml").is_file():
            found |= _comments(file.parent / f"{name}.yaml")
    return found | comments_in(file)


def _sentence(text: str) -> str:
    """Markdown from the docstring's reStructuredText, beginning with a capital letter."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", " ".join(text.split()))
    text = re.sub(r"\bNone\b", "`null`", text.replace("``", "`"))
    return text[:1].upper() + text[1:] if re.match(r"[a-z]{2,}\b(?!_)", text) else text


def _hints(callee: Any) -> dict[str, Any]:
    dataclass = hasattr(callee, "__dataclass_fields__")
    function = callee.__init__ if inspect.isclass(callee) and not dataclass else callee
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):  # another package's, which cannot be looked up
        return {}


_WORDS = {int: "integer", float: "number", str: "text", bool: "true or false"}


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin in (typing.Union, types.UnionType):
        parts = [_type(each) for each in arguments if each is not type(None)]
        return " or ".join(
            dict.fromkeys([*parts, *(["null"] if len(parts) < len(arguments) else [])])
        )
    if origin is not None and issubclass(origin, tuple | typing.Sequence):
        inner = [each for each in arguments if each is not Ellipsis]
        return f"list of {_type(inner[0])}" if inner else "list"
    if origin is not None and issubclass(origin, typing.Mapping):
        return "mapping"
    return _WORDS.get(hint, "class" if inspect.isclass(hint) else "")


def _type_of(value: Any) -> str:
    if isinstance(value, str) and value.startswith("${"):
        return "text"
    words = {dict: "mapping", list: "list", type(None): "null or a value"}
    return words.get(type(value), _WORDS.get(type(value), ""))


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty or value == "???":
        return "to be set"
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = list(value)
    text = str(value) if value != "" else '""'
    return f"`{text}`" if len(text) <= 48 else f"`{text[:40]}…`"


def markdown(table: KeyTable) -> list[str]:
    """A table as lines of Markdown."""
    lines = [f"`{table.target}`:", ""] if table.target else []
    if not table.rows:
        return [f"`{table.target}` has no keys.", ""] if table.target else []
    lines += ["| key | meaning | default | type |", "| --- | --- | --- | --- |"]
    prefix = f"{table.path}." if table.path else ""
    for key in table.rows:
        cells = [f"`{prefix}{key.name}`", key.meaning, key.default, key.type]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def all_choices() -> list[str]:
    """A table of all groups, each with a link to its section."""
    lines = ["| group | choices |", "| --- | --- |"]
    for group in groups():
        named = ", ".join(f"`{choice}`" for choice in choices(group))
        lines.append(f"| [{group}](#{group.replace('/', '')}) | {named} |")
    return [*lines, ""]


def page(group: str) -> list[str]:
    """What a directive of a group becomes: its choices, each with its command and its keys."""
    if group == "run":
        return markdown(run_keys())
    if all("@package" in _text(group, choice) for choice in choices(group)):
        return _commands(group)
    lines: list[str] = []
    seen: set[tuple[str, Key]] = set()
    for choice in choices(group):
        said, what = command(group, choice)
        lines += [f"`{group}={choice}`" + (f": {what}" if what else ""), ""]
        lines += ["```bash", said, "```", ""]
        if "@package" in _text(group, choice):
            continue  # it sets the group to nothing
        for table in tables(group, choice):
            # What an earlier choice has too is not said again.
            new = [row for row in table.rows if (table.target, row) not in seen]
            if new or not table.rows:
                lines += markdown(table._replace(rows=new))
            seen |= {(table.target, row) for row in new}
    return lines


def _commands(group: str) -> list[str]:
    """A table of the choices of a group that sets keys of others."""
    lines = ["| choice | what it is | command |", "| --- | --- | --- |"]
    for choice in choices(group):
        said, what = command(group, choice)
        lines.append(f"| `{choice}` | {what} | `{said}` |")
    return [*lines, ""]


def setup(app: Any) -> dict[str, Any]:
    """Make ``keys`` and ``choices`` directives."""
    from docutils import nodes
    from sphinx.util.docutils import SphinxDirective

    class Keys(SphinxDirective):
        optional_arguments = 1

        def run(self) -> list[Any]:
            lines = page(self.arguments[0]) if self.arguments else all_choices()
            parsed = self.parse_text_to_nodes("\n".join(lines))
            for node in parsed:
                for table in node.findall(nodes.table):
                    table["classes"].append("keys")
            return parsed

    app.add_directive("keys", Keys)
    app.add_directive("choices", Keys)
    return {"version": "1", "parallel_read_safe": True}
