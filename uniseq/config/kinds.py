"""Kinds: what may be built at which key of the config.

A config names classes, and records bring configs of strangers, so a node's key decides what its
``_target_`` may be:

- At the top the kind is the one in :func:`kind_at`: at ``loss`` a loss, at ``trainer`` a
  Lightning trainer. Below, it is the annotation of the parameter that takes the node, so that
  ``loss.rec: Loss`` takes a loss. A parameter without one takes nothing built.
- A class is of a kind when it inherits from it; of a protocol's kind also when it is made like one,
  see :mod:`uniseq.config.protocols`.
- A function or class method is a factory of a kind when its return annotation is of that kind.
- ``Callable[..., Kind]`` takes a node with ``_partial_: true`` whose target is of the kind. A
  protocol that is only called takes one too, of a function that is called alike.

All else is refused before it is called, and Python's own library before it is imported.
"""

import collections.abc
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from uniseq.config.protocols import is_call_of, is_of, is_protocol, methods, parameter_hints
from uniseq.config.targets import is_pythons, load
from uniseq.errors import ConfigError

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
    from uniseq.losses.base import Loss
    from uniseq.ranking.gains import Gain
    from uniseq.similarity import Similarity

    return {
        "backbone": Backbone,
        "similarity": Similarity,
        "loss": Loss,
        "dataset": LightningDataModule,
        "optimizer": Callable[..., Optimizer],
        "scheduler": Callable[..., LRScheduler],
        "trainer": Trainer,
        "logger": Logger | Mapping[str, Logger],
        "sphere": Callback,
        "callbacks": Mapping[str, Callback],
        "ranking": Mapping[str, Sequence[Gain]],
    }


def kind_at(key: str) -> Any:
    """The annotation that a key of the config has, such as ``loss`` or ``callbacks.mine``.

    None where nothing can be built, or where it is for the class that holds the key to say.
    """
    top, *below = re.findall(r"[^.\[\]]+", key)
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


def as_floats(value: Any, hint: Any) -> Any:
    """Whole numbers as floats where these are asked for: 0 and 0.0 are one setting, of one hash."""
    if type(value) is int and _is_float(hint):
        return float(value)
    kinds = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and isinstance(value, list) and len(value) == len(kinds):
        return [as_floats(each, kind) for each, kind in zip(value, kinds, strict=True)]
    return value


def _is_float(hint: Any) -> bool:
    """Whether a number of this type is a float and no integer."""
    kinds = typing.get_args(hint) if typing.get_origin(hint) in UNIONS else (hint,)
    return float in kinds and int not in kinds


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
    kinds = list(kinds_of(annotation))
    if not kinds:
        raise ConfigError("_target_", f"nothing is built here, not {target} either: give a value")
    if is_pythons(target) and not any(is_pythons(kind.base.__module__) for kind in kinds):
        raise ConfigError("_target_", _refusal(target, kinds))
    named = load(target)
    if partial is True and any(is_call_of(named, kind.base) for kind in kinds if not kind.partial):
        return named  # type: ignore[no-any-return]
    given = _given(named)
    fitting = [kind for kind in kinds if given is not None and is_of(given, kind.base)]
    if not fitting:
        raise ConfigError("_target_", _refusal(target, kinds))
    if not any(kind.partial is partial for kind in fitting):
        reason = "it is called later" if fitting[0].partial else "nothing calls it later"
        wanted = str(fitting[0].partial).lower()
        raise ConfigError("_partial_", f"must be {wanted}, not {partial}: {reason}")
    return named  # type: ignore[no-any-return]


def kinds_of(annotation: Any) -> Iterator[Kind]:
    """The kinds that an annotation names; none where nothing can be built."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in UNIONS:
        for argument in arguments:
            yield from kinds_of(argument)
    elif origin is collections.abc.Callable:
        for kind in kinds_of(arguments[-1]) if arguments else ():
            yield Kind(kind.base, partial=True)
    elif origin is typing.Annotated:
        yield from kinds_of(arguments[0])
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


def _refusal(target: str, kinds: list[Kind]) -> str:
    """That a target may not stand here, and what may."""
    names = " or ".join(dict.fromkeys(map(str, kinds)))
    ways = ["name a class that inherits from it"]
    for kind in kinds:
        for name in methods(kind.base) if is_protocol(kind.base) else ():
            taken = ", ".join(list(inspect.signature(vars(kind.base)[name]).parameters)[1:])
            ways.append(
                f"a torch.nn.Module with forward({taken})"
                if name == "__call__"
                else f"a class with its {name}({taken}), annotated alike"
            )
    ways.append("a function whose return annotation is one")
    return f"{target} is no {names}; {', '.join(ways[:-1])} or {ways[-1]}"
