"""Overrides of a sweep: axes and values as texts of a command line, and set in a config."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, ListConfig, OmegaConf

from uniseq.errors import ConfigError

# A run of a sweep draws no bar, and leaves nothing but what its own folder holds.
QUIET = (
    "++trainer.enable_progress_bar=false",
    "hydra.output_subdir=null",
    "hydra.sweep.subdir=.",
    "hydra/job_logging=stdout",
)


def axes(parser: OverridesParser, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Key to overrides ``key=value``, one for each value.

    Args:
        parser: Hydra's.
        values: key to a value, to a list of them or to a text of a command line.

    Raises:
        ConfigError: on an axis without end, such as Hydra's ``interval``.
    """
    parsed = parser.parse_overrides([_text(key, value) for key, value in values.items()])
    return {override.get_key_element(): _each(override) for override in parsed}


def with_values(cfg: DictConfig, values: Mapping[str, str]) -> DictConfig:
    """A copy of a config in which values are set as a command line would."""
    changed = copy.deepcopy(cfg)
    texts = [f"{key}={value}" for key, value in values.items()]
    for override in OverridesParser.create().parse_overrides(texts):
        OmegaConf.update(changed, override.key_or_group, override.value(), merge=True)
    return changed


def has_key(cfg: DictConfig, key: str) -> bool:
    """Whether a dotted key stands in the config."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    return isinstance(node, DictConfig) and name in node


def no_such(key: str) -> str:
    """Of an axis of a search that fits nowhere: as it should be, or misspelt."""
    return f"{key}: no component that was chosen has this key"


def short(override: str) -> str:
    """``loss.beta=0.05`` as ``beta0.05``, for a folder's name."""
    key, _, value = override.partition("=")
    return re.sub(r"[^\w.+-]+", "-", f"{key.rpartition('.')[2]}{value}").strip("-")


def _text(key: str, value: Any) -> str:
    """An axis as on a command line; what is given there is whole already."""
    if (
        isinstance(value, str)
        and value.lstrip("+~").partition("=")[0].partition("@")[0]
        == (key.lstrip("+~").partition("@")[0])
    ):
        return value
    if isinstance(value, list | tuple | ListConfig):
        value = ",".join("null" if each is None else str(each) for each in value)
    return f"{key}={'null' if value is None else value}"


def _each(override: Override) -> list[str]:
    key = override.get_key_element()
    if not override.is_sweep_override():
        value = override.get_value_element_as_str()
        return [override.input_line or f"{key}={value}"]
    if not override.is_discrete_sweep():
        raise ConfigError(key, "has no end; list its values, separated by commas")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]
