"""Which records belong to a row, column or table: conditions on the keys of their configs."""

from collections.abc import Mapping
from typing import Any

from uniseq.records.identity import first_name

Conditions = Mapping[str, Any]


def matches(config: Mapping[str, Any], *conditions: Conditions) -> bool:
    """Whether a config meets all conditions.

    Args:
        config: resolved, of a record.
        conditions: by dotted key: a value; a list of values, one of which it must be; or
            ``{not: value or list}``. A key that the config has not is null.
    """
    return all(
        _holds(_known(key, value_at(config, key)), _known(key, wanted))
        for each in conditions
        for key, wanted in each.items()
    )


def all_keys(config: Mapping[str, Any], path: str = "") -> set[str]:
    """Every dotted key of a config, those of its nodes too."""
    keys = set()
    for key, value in config.items():
        where = f"{path}.{key}" if path else key
        keys |= {where} | (all_keys(value, where) if isinstance(value, Mapping) else set())
    return keys


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, None where there is none."""
    value: Any = config
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _known(key: str, value: Any) -> Any:
    """Classes by the name that records have for them, whichever the condition was written with."""
    if not key.endswith("_target_"):
        return value
    if isinstance(value, list):
        return [_known(key, each) for each in value]
    if isinstance(value, Mapping):
        return {name: _known(key, each) for name, each in value.items()}
    return first_name(value) if isinstance(value, str) else value


def _holds(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return not _holds(value, wanted["not"])
    if isinstance(wanted, list):
        return any(_holds(value, each) for each in wanted)
    # In Python False equals 0, in a config it does not.
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)
