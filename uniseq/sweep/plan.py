"""Plan of a grid: the runs that a command line asks for, each once, checked, with its id."""

import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ListConfig

from uniseq.config.compose import run_part
from uniseq.config.explain import explain_command
from uniseq.config.paths import conf_dir, own_conf
from uniseq.config.recipes import try_out
from uniseq.errors import ConfigError
from uniseq.sweep.overrides import QUIET, axes, has_key, no_such, short, with_values
from uniseq.sweep.request import SweepRequest
from uniseq.sweep.survey import PlannedRun
from uniseq.training.parts import Recipe


@dataclass(frozen=True, slots=True)
class Job(PlannedRun):
    """A planned run, as a launcher is to be given it.

    Args:
        id: see :func:`uniseq.records.identity.run_id`.
        name: of its folder, for people.
        overrides: the command line of this run alone.
        config: resolved.
    """

    overrides: list[str]
    config: dict[str, Any]


@dataclass(slots=True)
class Plan:
    """All runs of a sweep, and the combinations that cannot be run with the reason."""

    runs: list[Job] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Planner:
    """Composes the runs of a sweep.

    Args:
        request: what is asked for.
    """

    def __init__(self, request: SweepRequest) -> None:
        self.request = request
        self._loader = request.context.config_loader
        self._parser = OverridesParser.create(config_loader=self._loader)
        self._fingerprints: dict[str, str] = {}

    def plan(self) -> Plan:
        """Every combination of the axes that can be run.

        Raises:
            UniseqError: on a config that cannot be run, before anything is started.
        """
        crossed, optional = self.split()
        varied = self.varied({**crossed, **optional})
        plan, known = Plan(), set()
        fitting: set[str] = set()
        for base in itertools.product(*crossed.values()):
            composed = self.compose(base)
            present = {key: values for key, values in optional.items() if has_key(composed, key)}
            fitting |= present.keys()
            for rest in itertools.product(*present.values()):
                try:
                    job = self._job(composed, base, rest, varied)
                except ConfigError as error:
                    if error.key not in self.request.leave_out:
                        raise
                    plan.left_out.append(f"{' '.join(rest)}: {error}")
                    continue
                if job.id not in known:
                    known.add(job.id)
                    plan.runs.append(job)
        plan.left_out += [no_such(key) for key in optional if key not in fitting]
        return plan

    def split(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The axes that are always crossed, and those that the command line leaves open.

        An axis of the command line takes the place of a configured one.

        Raises:
            ConfigError: on an axis without values or without end, or a group among those searched.
        """
        params, search = self.request.params, self.request.search
        parsed = self._parser.parse_overrides(list(self.request.arguments))
        given = {o.get_key_element(): str(o.input_line) for o in parsed}  # the last one counts
        names = {key.lstrip("+~"): key for key in given}
        kept = {names.get(key, key): values for key, values in params.items()}  # in its place
        left = {key: values for key, values in search.items() if key not in names}
        for key, values in (*params.items(), *search.items()):
            # Of params null is a value; of a search it is an axis that was left empty.
            absent = values is None and key in search
            if absent or (isinstance(values, list | tuple | ListConfig) and not values):
                raise ConfigError(f"hydra.sweeper: {key}", "has no values; list them, or leave it")
        for key in left:
            if "/" in key or key in self._loader.list_groups(""):
                raise ConfigError(
                    f"hydra.sweeper.search: {key}",
                    "is a group: choices of components belong in hydra.sweeper.params, or on the "
                    "command line",
                )
        return axes(self._parser, {**kept, **given}), axes(self._parser, left)

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The config of a run, without Hydra's own part, which is set for its resolver.

        Raises:
            ConfigError: when there is none: a key, say, that the chosen components do not have.
        """
        try:
            cfg = self._loader.load_sweep_config(self.request.config, [*overrides, *QUIET])
        except Exception as error:
            found = explain_command(error, overrides, conf_dir(), own_conf(sys.argv[1:]))
            if found is None:  # no fault of the command line
                raise
            problem = f"{found.problem}; in the run {' '.join(overrides)}"
            raise ConfigError(found.key, problem) from error
        return run_part(cfg)

    def varied(self, axes: Mapping[str, Sequence[str]]) -> frozenset[str]:
        """Overrides whose values a run's name shows: it has the choices and the seed anyway."""
        if "name" in axes:
            return frozenset()
        shown = {*self._loader.list_groups(""), "seed"}
        several = {key: values for key, values in axes.items() if len(values) > 1}
        return frozenset(
            value
            for key, values in several.items()
            if key not in shown and "/" not in key
            for value in values
        )

    def fingerprint(self, recipe: Recipe) -> str:
        """That of a run's data, which are read once for all runs that share them."""
        source = json.dumps(recipe.config["dataset"], sort_keys=True)
        if source not in self._fingerprints:
            self._fingerprints[source] = recipe.data.sequences.fingerprint
        return self._fingerprints[source]

    def _job(
        self, composed: DictConfig, base: Sequence[str], rest: Sequence[str], varied: frozenset[str]
    ) -> Job:
        # Composed anew it would be the same, at ten times the cost.
        cfg = with_values(composed, dict(override.split("=", 1) for override in rest))
        overrides = [*base, *rest]
        values = [short(override) for override in overrides if override in varied]
        if values:
            cfg.name = "_".join([cfg.name, *values])
            overrides.append(f"name={cfg.name}")
        recipe = try_out(cfg)
        id = recipe.id_on(self.fingerprint(recipe))
        return Job(id, recipe.name, [*overrides, *QUIET], recipe.config)
