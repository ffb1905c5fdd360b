"""Nodes of a config and the parts behind them: a class with its arguments, made or told."""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

from uniseq.errors import ConfigError


def make(part: Callable[..., Any], *arguments: Any, **given: Any) -> Any:
    """What a part makes; arguments that are parts themselves are made first."""
    if not isinstance(part, functools.partial):
        return part(*arguments, **given)
    own = [make(each) if _is_part(each) else each for each in part.args]
    named = {key: make(each) if _is_part(each) else each for key, each in part.keywords.items()}
    return part.func(*own, *arguments, **named, **given)


def _is_part(value: Any) -> bool:
    return isinstance(value, functools.partial | type)


def node_of(key: str, part: Any) -> Any:
    """A part as a node of a config: its class and its arguments, by name.

    Raises:
        ConfigError: naming the key, when it is neither a class nor a partial of one, or an
            argument is neither such a part nor a plain value.
    """
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, list | tuple):
        return [node_of(f"{key}[{place}]", each) for place, each in enumerate(part)]
    if isinstance(part, Mapping):
        return {str(name): node_of(f"{key}.{name}", each) for name, each in part.items()}
    kind: Any = part
    arguments, named = (), {}
    if isinstance(part, functools.partial):
        kind, arguments, named = part.func, part.args, part.keywords
    named_kind = inspect.isclass(kind) or inspect.isfunction(kind)
    if not named_kind or "<" in kind.__qualname__:
        raise ConfigError(
            key,
            f"{part!r} cannot stand in a record; give a class or functools.partial(class, …) "
            "with plain arguments",
        )
    given = inspect.signature(kind).bind_partial(*arguments, **named).arguments
    return {
        "_target_": _name_of(kind),
        **{name: node_of(f"{key}.{name}", value) for name, value in given.items()},
    }


def _name_of(kind: Any) -> str:
    """Where a class is found: one of another package by its short name, as its files move."""
    packages = kind.__module__.split(".")
    if packages[0] != "uniseq":
        for count in range(2, len(packages)):
            module = ".".join(packages[:count])
            found: Any = getattr(sys.modules.get(module), kind.__qualname__, None)
            if found is kind:
                return f"{module}.{kind.__qualname__}"
    return f"{kind.__module__}.{kind.__qualname__}"
