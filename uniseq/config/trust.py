"""Trust: what a recorded config may name. It may be a stranger's, and must run nothing of theirs.

A command line is one's own and may name any class. A record's config is taken literally, nothing in
it is interpolated; its classes are of four packages, unless they are trusted by name. Nothing else
is imported, so that it is too late for no question.
"""

import inspect
from collections.abc import Collection, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path, PurePath
from typing import Any

from uniseq.config.targets import load
from uniseq.errors import ConfigError, UniseqError
from uniseq.records.identity import current_name

TRUSTED = ("uniseq", "lightning", "torch.optim", "torchmetrics")
# What writes into a folder of its own choice; data are read, wherever they lie.
FOLDERS = frozenset({"dirpath", "default_root_dir", "root_dir", "save_dir", "log_dir", "dir"})
WRITERS = frozenset({"trainer", "callbacks", "sphere", "logger", "ranking", "loss", "backbone"})


def check_trust(config: Mapping[str, Any], trust: Collection[str] = ()) -> None:
    """Refuse what a recorded config must not hold; nothing is imported but what is trusted.

    Args:
        config: of a record, with this machine's places.
        trust: names of other classes that it may name.

    Raises:
        UniseqError: one line a fault.
    """
    leaves = list(_leaves(config, ""))
    faults = [fault for key, value in leaves for fault in _faults(key, value, trust)]
    targets = [(key, value) for key, value in leaves if key.endswith("_target_")]
    if not faults:
        faults = [fault for key, value in targets for fault in _foreign(key, value, trust)]
    if faults:
        raise UniseqError("\n".join(str(fault) for fault in faults))


def file_of(target: str) -> str:
    """The file that a class would be loaded from, found without loading anything."""
    name, places, file = "", None, None
    for part in current_name(target).split(".")[:-1]:
        name = f"{name}.{part}" if name else part
        try:
            spec = PathFinder.find_spec(name, places)
            if spec is None and places is None:
                spec = PathFinder.find_spec(name, [str(Path.cwd())])
        except (ValueError, ImportError):
            break
        if spec is None:
            break
        file = spec.origin or file
        places = list(spec.submodule_search_locations or [])
    return file or "no file that is found here"


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Everything that is neither a list nor a mapping, by its key."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(each, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{key}[{index}]")
    else:
        yield key, value


def _faults(key: str, value: Any, trust: Collection[str]) -> Iterator[ConfigError]:
    top, last = key.partition(".")[0], key.rpartition(".")[2]
    if not isinstance(value, str):
        return
    if "${" in value:
        yield ConfigError(
            key, f"{value!r:.80} is no value: a recorded config is literal, nothing is filled in"
        )
    if last == "_target_" and not _is_ours(value) and not _is_named(value, trust):
        yield ConfigError(
            key,
            f"{value:.200} is of none of {', '.join(TRUSTED)}; it would load {file_of(value)}: "
            f"look at that, and name it with --trust {value:.200} if you trust it, from Python "
            f"with trust=({value!r:.200},)",
        )
    if top in WRITERS and (last in FOLDERS or _leads_elsewhere(value)):
        yield ConfigError(key, f"{value!r:.80} leads out of the run's folder; leave it out")


def _foreign(key: str, target: str, trust: Collection[str]) -> Iterator[ConfigError]:
    """Of a name in one of the packages: that it stands for something else that is found there."""
    if _is_named(target, trust):
        return
    try:
        named = load(target)
    except ConfigError:
        return  # the check of the whole config says so
    if not inspect.isclass(named) or not _is_ours(f"{named.__module__}."):
        yield ConfigError(
            key, f"{target:.200} is no class of {', '.join(TRUSTED)}: name such a class"
        )


def _is_ours(target: str) -> bool:
    name = current_name(target)
    return any(name.startswith(f"{package}.") for package in TRUSTED)


def _is_named(target: str, trust: Collection[str]) -> bool:
    return target in trust or current_name(target) in trust


def _leads_elsewhere(value: str) -> bool:
    path = PurePath(value)
    return path.is_absolute() or value.startswith("~") or ".." in path.parts
