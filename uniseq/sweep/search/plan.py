"""The searches that a command line asks for: one for each combination of what it crosses."""

import copy
import hashlib
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from uniseq.config.recipes import recipe
from uniseq.errors import ConfigError
from uniseq.records.identity import identity
from uniseq.sweep.plan import Planner, has_key, no_such, short
from uniseq.sweep.search.space import usable
from uniseq.sweep.search.study import Search

LEAST = {"trials": 1, "seed": 0, "min_resource": 1, "reduction_factor": 2}


def searches(
    planner: Planner,
    arguments: Sequence[str],
    params: Mapping[str, Any],
    search: Mapping[str, Any],
    leave_out: Sequence[str],
    settings: Mapping[str, int],
) -> Iterator[tuple[str, Search, list[str]]]:
    """The name of each study, what it searches, and the values left out with the reason.

    Args:
        planner: composes.
        arguments: the command line; what it fixes is not searched.
        params: axes that are always crossed, as if they stood on the command line.
        search: axes that are searched where the chosen components have the key.
        leave_out: keys whose refusal leaves a value out.
        settings: the keys of ``LEAST``, see :class:`uniseq.sweep.search.study.Search`.

    Raises:
        UniseqError: when there is nothing to search, or it cannot be run.
    """
    for key, least in LEAST.items():
        value = settings[key]
        if not isinstance(value, int) or value < least:
            problem = f"must be an integer of at least {least}, not {value!r}"
            raise ConfigError(f"hydra.sweeper.{key}", problem)
    crossed, left = planner.split(arguments, params, search)
    varied = planner.varied({**crossed, **left})
    for overrides in itertools.product(*crossed.values()):
        cfg = planner.compose(overrides)
        made = recipe(cfg)
        title = "_".join([made.name, *(short(each) for each in overrides if each in varied)])
        space = {key: _values(axis) for key, axis in left.items() if has_key(cfg, key)}
        if not space:
            raise ConfigError(
                "hydra.sweeper.search",
                f"leaves nothing to search in {title}: name keys that it has and the "
                "command line does not set, such as sweep=paper_grid does",
            )
        absent = [no_such(key) for key in left if key not in space]
        space, lost = usable(cfg, space, leave_out)
        found = Search(
            title=title,
            watched=made.ranking.watched,
            command=sys.argv[1:],
            overrides=list(overrides),
            shown=[key for key, axis in left.items() if varied.issuperset(axis)],
            space=space,
            leave_out=list(leave_out),
            **settings,
        )
        fingerprint = made.data.sequences.fingerprint
        rest = _without(identity(made.config), space)
        yield _name([rest, fingerprint, space, found.leave_out], settings), found, [*lost, *absent]


def _values(axis: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(override.partition("=")[2] for override in axis))


def _name(what: list[Any], settings: Mapping[str, int]) -> str:
    """The same for the same search, however many trials it is to have."""
    how = {key: value for key, value in settings.items() if key != "trials"}
    text = json.dumps([what, how], sort_keys=True)
    return f"search-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _without(plain: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    rest = copy.deepcopy(plain)
    for key in keys:
        *path, last = key.split(".")
        node = rest
        for name in path:
            node = node[name]
        del node[last]
    return rest
