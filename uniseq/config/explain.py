"""Explanation of a failed composition: what it means, in one line."""

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from hydra import compose
from hydra.errors import (
    ConfigCompositionException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from uniseq.config.check import first_line
from uniseq.config.targets import load
from uniseq.errors import ConfigError, nearest


def explain_command(
    error: Exception, overrides: Sequence[str], folder: Path, own: Path | None = None
) -> ConfigError | None:
    """What a failed composition of a command line means, within Hydra's initialised folder.

    Args:
        error: from Hydra's composition.
        overrides: the command line.
        folder: the config folder, whose subfolders are the groups.
        own: a folder with the user's own configs.
    """
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return ConfigError(f"{mark.name}, line {mark.line + 1}", f"is no YAML: {error.problem}")
    if isinstance(error, ValueError) and "Config group override" in str(error):
        for override in overrides:
            group, _, choice = override.partition("=")
            if (folder / group).is_dir() and _is_no_name(choice):
                options = sorted(path.stem for path in (folder / group).glob("[!_]*.yaml"))
                said = f"must name a file of the group, not {choice or 'nothing'}"
                return ConfigError(group, f"{said}; choose from {', '.join(options)}")
    chosen = [o for o in overrides if (folder / o.partition("=")[0]).is_dir()]
    if own is not None:
        chosen.append(f"hydra.searchpath=[file://{own.resolve()}]")
    try:
        valid = compose("config", overrides=chosen, return_hydra_config=True)
    except Exception:  # one of the choices is the fault
        valid = compose("config", return_hydra_config=True)
    return explain(error, [o for o in overrides if o not in chosen], valid)


def explain(error: Exception, overrides: Iterable[str], valid: DictConfig) -> ConfigError | None:
    """What a failed composition means, in one line; None when it is none of the known faults.

    Args:
        error: from Hydra's composition.
        overrides: the command line, choices of groups left out.
        valid: the config composed without them, Hydra's own part included.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        options = sorted(option for option in error.options if not option.startswith("_"))
        return ConfigError(
            group.lstrip("/") or "config", f"there is no {choice!r}{nearest(choice, options)}"
        )
    if isinstance(error, OverrideParseException):
        cause = first_line(error)
        return ConfigError(
            error.override, f"cannot be read: {cause}; quote it, or see Hydra's grammar"
        )
    if not isinstance(error, ConfigCompositionException):
        return None
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        if key.startswith("hydra/") or "=" not in override:
            continue
        key = key.partition("@")[0].replace("/", ".")
        if key not in str(error):
            continue
        try:
            known = OmegaConf.select(valid, key, throw_on_missing=False, default=_ABSENT)
        except OmegaConfBaseException:
            known = _ABSENT
        if known is _ABSENT and _is_argument(valid, key):
            return ConfigError(key, f"is not in the file; write +{key}=… to add it")
        if known is _ABSENT:
            hydras = key.startswith("hydra.")
            options = [each for each in _keys(valid) if each.startswith("hydra.") == hydras]
            return ConfigError(key, f"there is no such key{nearest(key, options)}")
    causes = [first_line(each) for each in (error, error.__cause__) if each is not None]
    return ConfigError("config", ": ".join(dict.fromkeys(causes)))


def _is_no_name(choice: str) -> bool:
    return not isinstance(yaml.safe_load(choice), str | list)


_ABSENT = object()


def _is_argument(valid: DictConfig, key: str) -> bool:
    """Whether the target of the node that would hold the key takes it."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(valid, parent, throw_on_missing=False) if parent else None
    target = node.get("_target_", "???") if isinstance(node, DictConfig) else "???"
    if target == "???":
        return False
    try:
        return name in inspect.signature(load(target)).parameters
    except (ConfigError, TypeError, ValueError):  # none to be had, or one without a signature
        return False


def _keys(node: DictConfig, path: str = "") -> list[str]:
    keys: list[str] = []
    for key in map(str, node):
        where = f"{path}.{key}" if path else key
        keys.append(where)
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
            keys.extend(_keys(child, where))
    return keys
