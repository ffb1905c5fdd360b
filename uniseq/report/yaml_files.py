"""YAML of table files, which may be a stranger's: plain values alone are built, and not many."""

import re
from pathlib import Path
from typing import Any

import yaml

from uniseq.errors import DataError

# Values of one file, an alias counted with all that it stands for. The paper's tables have 500.
MOST = 50_000


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as Hydra does; to YAML 1.1 it is a text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a file.

    Raises:
        DataError: when it cannot be read, is none, has a key twice, or its aliases stand for more
            than a table can have.
    """
    try:
        loader = _Loader(file.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise TypeError("it holds no keys")
        _size(node, {}, set())
        content: dict[str, Any] = loader.construct_document(node)
    except (OSError, TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise DataError(file, f"is no table: {' '.join(str(error).split())}") from error
    return content


def _size(node: Any, known: dict[int, int], above: set[int]) -> int:
    """How many values a node stands for; each is looked at once."""
    if id(node) in above:
        raise ValueError("an alias stands in what it stands for")
    if id(node) not in known:
        parts: list[Any] = []
        if isinstance(node, yaml.MappingNode):
            _unique(node)
            parts = [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            parts = node.value
        above.add(id(node))
        known[id(node)] = 1 + sum(_size(part, known, above) for part in parts)
        above.remove(id(node))
        if known[id(node)] > MOST:
            raise ValueError(f"its aliases stand for more than {MOST:,} values")
    return known[id(node)]


def _unique(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise TypeError("a key must be a text")
        if key.value in seen:
            raise ValueError(f"{key.value:.80} stands there twice, in line {line(key)} again")
        seen.add(key.value)


def line(node: yaml.Node) -> int:
    """Of a node's beginning, counted from 1."""
    return int(node.start_mark.line) + 1
