"""Check of a composed config: all faults at once, each with its key and the nearest name."""

import dataclasses
import inspect
import json
import re
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import SchemaError

from uniseq.config.kinds import SPECIAL, UNIONS, admitted, as_floats, element, kind_at
from uniseq.config.places import HEADERLESS, check_built, check_finite, is_group, unbuilt
from uniseq.config.protocols import parameter_hints
from uniseq.config.schema import RunConfig
from uniseq.config.targets import load
from uniseq.config.trainer_keys import check_trainer
from uniseq.errors import ConfigError, UniseqError, nearest
from uniseq.ranking.gains import DEFAULT, by_name, check_monitor
from uniseq.records.names import single_part
from uniseq.training.parts import Items, Ranking


def check_config(cfg: DictConfig) -> dict[str, Any]:
    """The resolved config as plain containers, once it is known to be sound.

    Raises:
        UniseqError: one line a fault, for all faults.
    """
    try:
        plain = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(error.full_key or "config", first_line(error)) from error
    plain = typing.cast(dict[str, Any], plain)
    faults = list(_check_top(plain))
    # A value taken over from another key that is at fault itself is named there, not here.
    keys = {fault.key for fault in faults}
    faults = [fault for fault in faults if not _taken_from(cfg, fault.key) & keys]
    if faults:
        raise UniseqError("\n".join(str(fault) for fault in faults))
    return plain


def _check_top(plain: dict[str, Any]) -> Iterator[ConfigError]:
    yield from check_finite(plain)
    yield from check_built(plain)
    yield from _check_arguments("", plain, RunConfig, required=True)
    yield from _check_values(plain)
    items, ranking = plain.get("items"), plain.get("ranking")
    if isinstance(items, dict):
        yield from _check_items(items)
    if isinstance(ranking, dict):
        yield from _check_arguments("ranking", ranking, Ranking, required=True)
        yield from _check_ranking(ranking)
    known = {field.name for field in dataclasses.fields(RunConfig)}
    for key, value in plain.items():
        if key in known:
            yield from _check_nodes(key, value, kind_at(key))


def _taken_from(cfg: DictConfig, key: str) -> set[str]:
    """The keys that a value is an interpolation of."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent, throw_on_missing=False) if parent else cfg
    if not (isinstance(node, DictConfig) and name in node):
        return set()
    return set(re.findall(r"\$\{([\w.]+)\}", str(node._get_node(name)._value())))  # type: ignore[union-attr]


def _check_values(plain: dict[str, Any]) -> Iterator[ConfigError]:
    threads, checkpoint, seed = plain.get("threads"), plain.get("ckpt_path"), plain.get("seed")
    if isinstance(threads, int) and threads < 1:
        yield ConfigError("threads", f"must be at least 1, not {threads}")
    if isinstance(seed, int) and not 0 <= seed < 2**31:
        yield ConfigError("seed", f"must be 0 or more and below 2³¹, not {seed}")
    name = plain.get("name")
    if isinstance(name, str):
        try:
            single_part(name)
        except ValueError as error:
            yield ConfigError("name", f"{error}; a folder is named with results_dir=…")
    trainer = plain.get("trainer")
    if isinstance(trainer, dict):
        yield from check_trainer(trainer, plain.get("optimizer"))
    if isinstance(checkpoint, str) and not Path(checkpoint).is_file():
        yield ConfigError("ckpt_path", f"there is no file {checkpoint}; name a run's last.ckpt")


def _check_items(items: dict[str, Any]) -> Iterator[ConfigError]:
    faults = list(_check_arguments("items", items, Items, required=True))
    said = [*faults, *check_finite(items, "items")]
    if not said:  # else they say all there is to say
        try:
            Items(**items)
        except ConfigError as fault:
            faults = [fault.under("items")]
    yield from faults


def _check_ranking(ranking: dict[str, Any]) -> Iterator[ConfigError]:
    patience, ks = ranking.get("patience"), ranking.get("ks")
    if isinstance(patience, int) and patience < 1:
        yield ConfigError("ranking.patience", f"must be at least 1, not {patience}")
    if not isinstance(ks, list) or not all(type(k) is int for k in ks):
        return
    if not ks:
        yield ConfigError("ranking.ks", "is empty; give at least one cut-off, such as [10]")
    elif min(ks) < 1:
        yield ConfigError("ranking.ks", f"must be at least 1, not {min(ks)}")
    elif "monitor" in ranking:
        metrics = ranking.get("metrics", list(DEFAULT))
        if isinstance(metrics, str):
            yield ConfigError("ranking.metrics", f"must be a list, such as [{metrics}]")
        # One's own have no names before they are made, and are looked at then.
        if isinstance(metrics, list) and all(isinstance(metric, str) for metric in metrics):
            try:
                check_monitor(ranking["monitor"], by_name(metrics), ks)
            except ConfigError as fault:
                yield fault.under("ranking")


def _check_nodes(path: str, value: Any, annotation: Any) -> Iterator[ConfigError]:
    """Check each node at or below ``path`` against its target's signature.

    Args:
        path: a key.
        value: what the config has there.
        annotation: what may be there; None where nothing can be built.
    """
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _check_nodes(f"{path}[{index}]", each, element(annotation))
    if not isinstance(value, dict):
        return
    if "_target_" in value:
        try:
            target = admitted(value, annotation)
        except ConfigError as fault:
            yield fault.under(path)
            return
        # The signature may lie behind a partial call, whose other arguments come later.
        required = not value.get("_partial_", False)
        yield from _check_arguments(path, value, target, required=required)
        hints = parameter_hints(target)
        for key, each in value.items():
            yield from _check_nodes(f"{path}.{key}", each, hints.get(key))
        return
    for key, each in value.items():
        yield from _check_nodes(f"{path}.{key}", each, element(annotation))


def takes_argument(target: str, name: str) -> bool:
    """Whether what a target names takes a keyword argument."""
    parameters = inspect.signature(load(target)).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _check_arguments(
    path: str, given: dict[str, Any], callee: Any, *, required: bool
) -> Iterator[ConfigError]:
    parameters = inspect.signature(callee).parameters
    named = {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    hints = parameter_hints(callee)
    for key, value in given.items():
        where = f"{path}.{key}" if path else key
        if key in SPECIAL:
            continue
        if key not in named:
            if not path and is_group(key):
                yield ConfigError(where, HEADERLESS)
            elif not open_ended:
                yield ConfigError(where, f"there is no such key{nearest(key, named)}")
        elif value == "???":
            yield ConfigError(where, "is not set; give it a value")
        elif key in hints and not _holds_node(value):
            given[key] = value = as_floats(value, hints[key])
            problem = unbuilt(where, value, hints[key]) or _type_problem(value, hints[key])
            if problem:
                yield ConfigError(where, problem)
    for name, parameter in named.items():
        if name in given or _is_supplied(path, name):
            continue
        if required and parameter.default is parameter.empty:
            yield ConfigError(f"{path}.{name}" if path else name, "is missing; give it a value")


def _is_supplied(path: str, name: str) -> bool:
    """Whether training gives a logger its folder, so that the config need not."""
    return name == "save_dir" and path.partition(".")[0] == "logger"


def _holds_node(value: Any) -> bool:
    """Whether something is to be built in a value, so that it has not its type yet."""
    if isinstance(value, dict):
        return "_target_" in value or any(map(_holds_node, value.values()))
    return isinstance(value, list) and any(map(_holds_node, value))


def _type_problem(value: Any, hint: Any) -> str | None:
    if dataclasses.is_dataclass(hint):
        return None if isinstance(value, dict) else f"must be a group of keys, not {value!r}"
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True, strict=True))
    except PydanticUserError:
        adapter = TypeAdapter(hint)
    except (PydanticSchemaGenerationError, SchemaError):  # a protocol, say, has no schema
        return None
    try:
        _validate(adapter, value)
    except ValidationError:
        return f"must be {_readable(hint)}, not {value!r}"
    return None


def _validate(adapter: TypeAdapter[Any], value: Any) -> None:
    """A config has no tuples: a list stands for one, as in JSON, with whole numbers for floats."""
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        if not isinstance(value, list):
            raise
        adapter.validate_json(json.dumps(value), strict=True)


def _readable(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin is tuple and ... not in arguments:
        return f"a list of {len(arguments)}: {', '.join(map(_readable, arguments))}"
    if origin is Sequence:
        return f"a list, each {_readable(arguments[0])}"
    if hint is type(None):
        return "null"
    if origin in UNIONS:
        return " or ".join(_readable(argument) for argument in arguments)
    names = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}
    if hint in names or (inspect.isclass(hint) and origin is None):
        return names.get(hint) or str(hint.__name__)
    return str(hint).replace("typing.", "").replace("collections.abc.", "")


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
