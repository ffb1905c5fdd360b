"""Plan of a search: the studies of a command line, one for each combination that it crosses."""

import copy
import hashlib
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from uniseq.config.recipes import recipe
from uniseq.errors import ConfigError
from uniseq.records.identity import identity
from uniseq.sweep.overrides import has_key, no_such, short
from uniseq.sweep.plan import Planner
from uniseq.sweep.search.space import usable
from uniseq.sweep.search.study import Search

# The keys of a search, and what each must be at least.
MINIMA = {"trials": 1, "seed": 0, "min_resource": 1, "reduction_factor": 2}


def searches(planner: Planner) -> Iterator[tuple[str, Search, list[str]]]:
    """The name of each study, what it searches, and the values left out with the reason.

    Args:
        planner: composes; what its command line fixes is not searched.

    Raises:
        UniseqError: when there is nothing to search, or it cannot be run.
    """
    settings, leave_out = planner.request.settings, planner.request.leave_out
    for key, least in MINIMA.items():
        value = settings[key]
        if not isinstance(value, int) or value < least:
            problem = f"must be an integer of at least {least}, not {value!r}"
            raise ConfigError(f"hydra.sweeper.{key}", problem)
    crossed, left = planner.split()
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
        rest = _without(identity(made.config), space)
        what = [rest, planner.fingerprint(made), space, found.leave_out]
        yield _name(what, settings), found, [*lost, *absent]


def _values(axis: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(override.partition("=")[2] for override in axis))


def _name(what: list[Any], settings: Mapping[str, int]) -> str:
    """The same for the same search, however many trials it is to have."""
    how = {key: value for key, value in settings.items() if key != "trials"}
    text = json.dumps([what, how], sort_keys=True)
    return f"search-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _without(identity: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """The identity that all runs of a search share; not every searched key is part of one."""
    rest = copy.deepcopy(identity)
    for key in keys:
        *path, last = key.split(".")
        node = rest
        for name in path:
            node = node.get(name, {})
        node.pop(last, None)
    return rest
