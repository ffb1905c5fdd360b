"""Meanings of keys: what the docstring of the class that takes a key says of it, read as text.

No class is loaded for it, so that ``--help`` need not load torch.
"""

import ast
import re
import textwrap
from pathlib import Path

from uniseq.records.identity import current_name

PACKAGE = Path(__file__).parents[1]
# The classes behind the keys that no class in the config stands for.
SCHEMAS = {
    "": "uniseq.config.schema.RunConfig",
    "items": "uniseq.training.parts.Items",
    "ranking": "uniseq.training.parts.Ranking",
}


def meanings(target: str) -> dict[str, str]:
    """What the class says of its arguments under ``Args:``, one line each; bases included.

    Args:
        target: a class of this package; of others nothing is known.
    """
    module, _, name = current_name(target).rpartition(".")
    path = PACKAGE.parent / (module.replace(".", "/") + ".py")
    if not module.startswith("uniseq.") or not path.is_file():
        return {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            found: dict[str, str] = {}
            for base in getattr(node, "bases", []):
                known = base.id if isinstance(base, ast.Name) else ""
                found |= meanings(imported.get(known, f"{module}.{known}"))
            return found | arguments_in(ast.get_docstring(node) or "")
    return {}


def arguments_in(docstring: str) -> dict[str, str]:
    """The entries of its ``Args:`` section, each as one line."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n|\n)*)", docstring + "\n", re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(r"^(\w+): (.*(?:\n[ \t]+.*)*)", textwrap.dedent(section[1]), re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def comments_in(file: Path) -> dict[str, str]:
    """The comment above each key of a YAML file, each as one line."""
    found: dict[str, str] = {}
    waiting: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("#"):
            waiting.append(text.removeprefix("#").strip())
            continue
        key = re.match(r"(\w+):", text)
        if key and waiting and not waiting[0].startswith(("python -m", "@package")):
            found[key[1]] = " ".join(waiting)
        waiting = []
    return found
