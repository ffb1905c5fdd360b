"""Kinds: what may be built at which key of the config.

A config names classes, and records bring configs of strangers, so a node's key decides what its
``_target_`` may be:

- At the top the kind is the one in :func:`kind_at`: at ``loss`` an objective, at ``trainer`` a
  Lightning trainer. Below, it is the annotation of the parameter that takes the node, so that
  ``loss.rec: Objective`` takes an objective. A parameter without one takes nothing built.
- A class is of a kind when it inherits from it.
- It is of the kind of a protocol also when it has the protocol's methods, with parameters of its
  own (no ``*args``) for all that they are given, and is either a torch module (``forward`` then
  stands for ``__call__``) or annotates them with the types of the protocol's package, as in
  ``def load(self) -> Sequences``: a class that happens to have a method of that name is not meant.
- A function or class method is a factory of a kind when its return annotation is of that kind.
- ``Callable[..., Kind]`` takes a node with ``_partial_: true`` whose target is of the kind.

All else is refused before it is called, and Python's own library before it is imported.
"""

import collections.abc
import dataclasses
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

from uniseq.errors import ConfigError
from uniseq.records.identity import current_name

UNIONS = (typing.Union, types.UnionType)
REFUSED = {
    "_args_": "give each argument by its name",
    "_recursive_": "leave it out: what a node holds is always built first",
    "_convert_": "leave it out: lists and mappings are always Python's own",
}
SPECIAL = {"_target_", "_partial_", *REFUSED}


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A class or protocol of which a built object is.

    Args:
        base: the class or protocol.
        partial: whether not the object is asked for but something that gives it when called.
    """

    base: type
    partial: bool = False

    def __str__(self) -> str:
        return f"{self.base.__module__}.{self.base.__qualname__}"


@cache
def _top() -> dict[str, Any]:
    """The annotation of each top key that takes nodes; here, as it loads torch and Lightning."""
    from lightning.pytorch import Callback, LightningDataModule, Trainer
    from lightning.pytorch.loggers import Logger
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from uniseq.backbones.base import Backbone
    from uniseq.losses.base import Objective
    from uniseq.similarity import Similarity

    return {
        "backbone": Backbone,
        "similarity": Similarity,
        "loss": Objective,
        "dataset": LightningDataModule,
        "optimizer": Callable[..., Optimizer],
        "scheduler": Callable[..., LRScheduler],
        "trainer": Trainer,
        "logger": Logger | Mapping[str, Logger],
        "sphere": Callback,
        "callbacks": Mapping[str, Callback],
    }


def kind_at(key: str) -> Any:
    """The annotation that a key of the config has, such as ``loss`` or ``callbacks.mine``.

    None where nothing can be built, or where it is for the class that holds the key to say.
    """
    top, *below = key.split(".")
    annotation = _top().get(top)
    for _ in below:
        annotation = element(annotation)
    return annotation


def element(annotation: Any) -> Any:
    """The annotation of what a list or mapping holds, None when it has none."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in UNIONS:
        held = [each for each in map(element, arguments) if each is not None]
        return typing.Union[tuple(held)] if held else None  # noqa: UP007
    if inspect.isclass(origin) and issubclass(origin, collections.abc.Collection) and arguments:
        return arguments[-1] if issubclass(origin, collections.abc.Mapping) else arguments[0]
    return None


def parameter_hints(target: Any) -> dict[str, Any]:
    """The annotations of a class's or function's parameters."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(target if dataclasses.is_dataclass(target) else function)
    except Exception:  # a third-party class whose annotations cannot be evaluated has no schema
        return {}


def admitted(node: Mapping[str, Any], annotation: Any) -> Callable[..., Any]:
    """What a node's ``_target_`` names, once it is of the kind that its place asks for.

    Args:
        node: a mapping with a ``_target_``.
        annotation: of its place; None where nothing can be built.

    Raises:
        ConfigError: named within the node.
    """
    target, partial = node["_target_"], node.get("_partial_", False)
    if target == "???" or not isinstance(target, str):
        raise ConfigError("_target_", "is not set; name a class, such as mine.Loss")
    for key, remedy in REFUSED.items():
        if key in node:
            raise ConfigError(key, f"is not supported; {remedy}")
    kinds = list(_kinds(annotation))
    if not kinds:
        raise ConfigError("_target_", f"nothing is built here, not {target} either: give a value")
    if _is_pythons(target) and not any(_is_pythons(kind.base.__module__) for kind in kinds):
        raise ConfigError("_target_", _refusal(target, kinds))
    named = load(target)
    given = _given(named)
    fitting = [kind for kind in kinds if given is not None and _is_of(given, kind.base)]
    if not fitting:
        raise ConfigError("_target_", _refusal(target, kinds))
    if not any(kind.partial is partial for kind in fitting):
        reason = "it is called later" if fitting[0].partial else "nothing calls it later"
        wanted = str(fitting[0].partial).lower()
        raise ConfigError("_partial_", f"must be {wanted}, not {partial}: {reason}")
    return named  # type: ignore[no-any-return]


def load(target: str) -> Any:
    """What a dotted name stands for.

    Raises:
        ConfigError: when it cannot be imported; named ``_target_``.
    """
    top, *parts = str(current_name(target)).split(".")
    try:
        if not all([top, *parts]) or any(part.startswith("__") for part in parts):
            raise ImportError(f"{target} is not the dotted name of a class")
        found, name = importlib.import_module(top), top
        for part in parts:
            name = f"{name}.{part}"
            if not hasattr(found, part) and inspect.ismodule(found) and _is_module(name):
                importlib.import_module(name)
            found = getattr(found, part)
        return found
    except Exception as error:  # a module may raise anything while it is imported
        there = bool(top) and find_spec(top) is not None
        where = "run where its file lies, or name that folder in PYTHONPATH"
        said = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            "_target_", f"cannot be imported: {said}; {'check its name' if there else where}"
        ) from error


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what holds it is no package
        return False


def _is_pythons(name: str) -> bool:
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names and top != "__main__"


def _kinds(annotation: Any) -> Iterator[Kind]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in UNIONS:
        for argument in arguments:
            yield from _kinds(argument)
    elif origin is collections.abc.Callable:
        for kind in _kinds(arguments[-1]) if arguments else ():
            yield Kind(kind.base, partial=True)
    elif origin is typing.Annotated:
        yield from _kinds(arguments[0])
    elif inspect.isclass(annotation) and annotation.__module__ not in ("builtins", "typing"):
        yield Kind(annotation)


def _given(named: Any) -> type | None:
    """The class of what a target gives when it is called: itself, or what a factory promises."""
    if inspect.isclass(named):
        return named
    owner = getattr(named, "__self__", None)
    if not inspect.isfunction(named) and not (inspect.ismethod(named) and inspect.isclass(owner)):
        return None
    promised = parameter_hints(named).get("return")
    if promised is typing.Self:
        return owner
    return promised if inspect.isclass(promised) else None


def _is_of(given: type, base: type) -> bool:
    if base in given.__mro__:  # not issubclass, which an abstract class may answer by structure
        return True
    if not _is_protocol(base) or _is_pythons(given.__module__):
        return False
    methods = _methods(base)
    return bool(methods) and all(_has(given, base, name) for name in methods)


def _methods(protocol: type) -> list[str]:
    own = [name for name, value in vars(protocol).items() if inspect.isfunction(value)]
    return [name for name in own if name == "__call__" or not name.startswith("_")]


def _is_protocol(base: type) -> bool:
    return bool(getattr(base, "_is_protocol", False))


def _has(given: type, protocol: type, name: str) -> bool:
    """Whether a class has, on purpose, a method of a protocol."""
    from torch.nn import Module

    is_module = name == "__call__" and issubclass(given, Module)
    method = inspect.getattr_static(given, "forward" if is_module else name, None)
    if not inspect.isfunction(method):
        return False
    asked = vars(protocol)[name]
    return _takes(method, asked) and (is_module or _annotates(method, asked, protocol))


def _takes(method: Callable[..., Any], asked: Callable[..., Any]) -> bool:
    """Whether a method has parameters of its own for all that it will be given."""
    parameters = inspect.signature(asked).parameters.values()
    by_name = {each.name: None for each in parameters if each.kind is each.KEYWORD_ONLY}
    signature = inspect.signature(method)
    try:
        bound = signature.bind(*[None] * (len(parameters) - len(by_name)), **by_name)
    except TypeError:
        return False
    taken = [signature.parameters[each] for each in bound.arguments]
    return not any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in taken)


def _annotates(method: Any, asked: Any, protocol: type) -> bool:
    package = protocol.__module__.partition(".")[0]
    own = [
        hint
        for hint in parameter_hints(asked).values()
        if inspect.isclass(hint) and hint.__module__.partition(".")[0] == package
    ]
    hints = list(parameter_hints(method).values())
    return bool(own) and all(hint in hints for hint in own)


def _refusal(target: str, kinds: list[Kind]) -> str:
    """That a target may not stand here, and what may."""
    names = " or ".join(dict.fromkeys(map(str, kinds)))
    ways = ["name a class that inherits from it"]
    for kind in kinds:
        for name in _methods(kind.base) if _is_protocol(kind.base) else ():
            taken = ", ".join(list(inspect.signature(vars(kind.base)[name]).parameters)[1:])
            ways.append(
                f"a torch.nn.Module with forward({taken})"
                if name == "__call__"
                else f"a class with its {name}({taken}), annotated alike"
            )
    ways.append("a function whose return annotation is one")
    return f"{target} is no {names}; {', '.join(ways[:-1])} or {ways[-1]}"
