"""Protocols: whether a class or function is of one on purpose, though it does not inherit from it.

It is when it has the protocol's methods, with parameters of its own (no ``*args``) for all that
they are given, and

- is a torch module, whose ``forward`` then stands for ``__call__``, or
- annotates them with the types of the protocol's package, as in ``def load(self) -> Sequences``, or
- names the parameters as the protocol does.

A class that happens to have a method of that name, as a launcher's command, is not meant.
"""

import dataclasses
import inspect
import typing
from collections.abc import Callable
from typing import Any

from uniseq.config.targets import is_pythons


def is_of(given: type, base: type) -> bool:
    """Whether a class is another, inherits from it or is of its kind as a protocol."""
    if base in given.__mro__:  # not issubclass, which an abstract class may answer by structure
        return True
    if not is_protocol(base) or is_pythons(str(given.__module__)):
        return False
    asked = methods(base)
    return bool(asked) and all(_has(given, base, name) for name in asked)


def is_call_of(function: Any, base: type) -> bool:
    """Whether a function is what a protocol asks for that has but a ``__call__`` and defaults."""
    if (
        not inspect.isfunction(function)
        or not is_protocol(base)
        or is_pythons(str(function.__module__))
    ):
        return False
    attributes = vars(base).get("__annotations__", {})
    if methods(base) != ["__call__"] or not all(hasattr(base, name) for name in attributes):
        return False
    return _is_meant(function, vars(base)["__call__"], base, bound=True)


def is_protocol(base: type) -> bool:
    """Whether a class is a protocol."""
    return bool(getattr(base, "_is_protocol", False))


def methods(protocol: type) -> list[str]:
    """The names of the methods that a protocol asks for."""
    own = [name for name, value in vars(protocol).items() if inspect.isfunction(value)]
    return [name for name in own if name == "__call__" or not name.startswith("_")]


def parameter_hints(target: Any) -> dict[str, Any]:
    """The annotations of a class's or function's parameters."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(target if dataclasses.is_dataclass(target) else function)
    except Exception:  # a third-party class whose annotations cannot be evaluated has no schema
        return {}


def _has(given: type, protocol: type, name: str) -> bool:
    from torch.nn import Module

    asked = vars(protocol)[name]
    if name == "__call__" and issubclass(given, Module):
        forward = inspect.getattr_static(given, "forward")
        return inspect.isfunction(forward) and _taken(forward, asked) is not None
    method = inspect.getattr_static(given, name, None)
    return inspect.isfunction(method) and _is_meant(method, asked, protocol)


def _is_meant(
    method: Callable[..., Any], asked: Callable[..., Any], protocol: type, bound: bool = False
) -> bool:
    taken = _taken(method, asked, bound)
    if taken is None:
        return False
    wanted = list(inspect.signature(asked).parameters)[1:]
    return (bool(wanted) and taken == wanted) or _annotates(method, asked, protocol)


def _taken(
    method: Callable[..., Any], asked: Callable[..., Any], bound: bool = False
) -> list[str] | None:
    """The parameters that take what a method will be given; None where it has none for them."""
    parameters = list(inspect.signature(asked).parameters.values())[1 if bound else 0 :]
    by_name = {each.name: None for each in parameters if each.kind is each.KEYWORD_ONLY}
    signature = inspect.signature(method)
    try:
        # What else it takes, a partial call gives by name.
        given = signature.bind_partial if bound else signature.bind
        names = list(given(*[None] * (len(parameters) - len(by_name)), **by_name).arguments)
    except TypeError:
        return None
    kinds = {signature.parameters[name].kind for name in names}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return None
    return names if bound else names[1:]


def _annotates(method: Any, asked: Any, protocol: type) -> bool:
    package = protocol.__module__.partition(".")[0]
    own = [
        hint
        for hint in parameter_hints(asked).values()
        if inspect.isclass(hint) and hint.__module__.partition(".")[0] == package
    ]
    hints = list(parameter_hints(method).values())
    return bool(own) and all(hint in hints for hint in own)
