"""Places of a config where something is built, and slips that leave nothing to be built there."""

import math
from collections.abc import Iterator
from typing import Any

from uniseq.config.kinds import kinds_of
from uniseq.config.paths import conf_dir
from uniseq.config.protocols import is_protocol
from uniseq.errors import ConfigError

BUILT = ("backbone", "similarity", "loss", "dataset", "optimizer", "trainer")
HEADERLESS = (
    "there is no such key; the file chosen in this group must begin with `# @package _global_`, "
    "without a byte order mark"
)


def is_group(key: str) -> bool:
    """Whether a key is the name of a group of files, such as ``loss`` or ``experiment``."""
    return key.isidentifier() and (conf_dir() / key).is_dir()


def check_built(plain: dict[str, Any]) -> Iterator[ConfigError]:
    """Each node that a run needs names what is built from it."""
    for key in BUILT:
        node = plain.get(key)
        if isinstance(node, dict) and node and "_target_" not in node:
            yield ConfigError(f"{key}._target_", "is missing; name a class, such as mine.Loss")
    for key in ("callbacks", "logger"):
        held = plain.get(key)
        if not isinstance(held, dict) or "_target_" in held:
            continue
        for name, node in held.items():
            if not isinstance(node, dict) or "_target_" not in node:
                yield ConfigError(f"{key}.{name}._target_", "is missing; name a class")


def check_finite(value: Any, path: str = "") -> Iterator[ConfigError]:
    """No number of a config is infinite or none: no record could hold it."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from check_finite(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from check_finite(each, f"{path}[{place}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield ConfigError(path, f"must be a finite number, not {value}")


def unbuilt(path: str, value: Any, hint: Any) -> str | None:
    """What is wrong with a plain value where only something built can stand; None if nothing.

    Args:
        path: its key.
        value: it.
        hint: annotation of the parameter that takes it.
    """
    if not isinstance(value, bool | int | float | str):
        return None
    kinds = list(kinds_of(hint))
    if not kinds or not all(is_protocol(kind.base) for kind in kinds):
        return None
    group = path.replace(".", "/")
    folder = conf_dir() / group
    top = path.partition(".")[0]
    remedy = f"choose {group}={value}" if (folder / f"{value}.yaml").is_file() else ""
    if not remedy and (conf_dir() / top / f"{value}.yaml").is_file():
        remedy = f"choose {top}={value}"
    return f"must be a group of keys with a _target_, not {value!r}; {remedy or 'name a class'}"
