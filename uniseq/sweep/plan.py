"""The runs that a command line asks for: each checked, named by its id, and once."""

import itertools
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, ListConfig, OmegaConf

from uniseq.config.compose import run_part
from uniseq.config.explain import explain_command
from uniseq.config.paths import conf_dir, own_conf
from uniseq.config.recipes import try_out
from uniseq.errors import ConfigError
from uniseq.records.identity import run_id
from uniseq.sweep.search.space import with_values

# A run of a sweep draws no bar, and leaves nothing but what its own folder holds.
QUIET = (
    "++trainer.enable_progress_bar=false",
    "hydra.output_subdir=null",
    "hydra.sweep.subdir=.",
    "hydra/job_logging=stdout",
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A run to be done.

    Args:
        id: see :func:`uniseq.records.identity.run_id`.
        name: of its folder, for people.
        overrides: the command line of this run alone.
        config: resolved.
    """

    id: str
    name: str
    overrides: list[str]
    config: dict[str, Any]


@dataclass(slots=True)
class Plan:
    """All runs of a sweep, and the combinations that cannot be run with the reason."""

    runs: list[Planned] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Planner:
    """Composes the runs of a sweep.

    Args:
        loader: Hydra's.
        master: the config that the sweep itself was composed with.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self._loader = loader
        self._master = master
        self._parser = OverridesParser.create(config_loader=loader)
        self._fingerprints: dict[str, str] = {}

    def plan(
        self,
        arguments: Sequence[str],
        params: Mapping[str, Any],
        search: Mapping[str, Any],
        leave_out: Sequence[str],
    ) -> Plan:
        """Every combination of the axes that can be run.

        Args:
            arguments: the command line; an axis of its own takes the place of a configured one.
            params: axes that are always crossed, key to values as on a command line.
            search: axes that are crossed where the chosen components have the key.
            leave_out: keys whose refusal leaves a combination out instead of stopping the sweep.

        Raises:
            UniseqError: on a config that cannot be run, before anything is started.
        """
        crossed, optional = self.split(arguments, params, search)
        varied = self.varied({**crossed, **optional})
        plan, known = Plan(), set()
        fitting: set[str] = set()
        for base in itertools.product(*crossed.values()):
            composed = self.compose(base)
            present = {key: values for key, values in optional.items() if has_key(composed, key)}
            fitting |= present.keys()
            for rest in itertools.product(*present.values()):
                try:
                    planned = self._planned(composed, base, rest, varied)
                except ConfigError as error:
                    if error.key not in leave_out:
                        raise
                    plan.left_out.append(f"{' '.join(rest)}: {error}")
                    continue
                if planned.id not in known:
                    known.add(planned.id)
                    plan.runs.append(planned)
        plan.left_out += [no_such(key) for key in optional if key not in fitting]
        return plan

    def split(
        self, arguments: Sequence[str], params: Mapping[str, Any], search: Mapping[str, Any]
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The axes that are always crossed, and those that the command line leaves open."""
        parsed = self._parser.parse_overrides(list(arguments))
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
        return self.axes({**kept, **given}), self.axes(left)

    def axes(self, values: Mapping[str, Any]) -> dict[str, list[str]]:
        """Key to overrides ``key=value``, one for each value.

        Raises:
            ConfigError: on an axis without end, such as Hydra's ``interval``.
        """
        parsed = self._parser.parse_overrides([_text(key, value) for key, value in values.items()])
        return {override.get_key_element(): _each(override) for override in parsed}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The config of a run, without Hydra's own part, which is set for its resolver.

        Raises:
            ConfigError: when there is none: a key, say, that the chosen components do not have.
        """
        try:
            cfg = self._loader.load_sweep_config(self._master, [*overrides, *QUIET])
        except ConfigCompositionException as error:
            found = explain_command(error, overrides, conf_dir(), own_conf(sys.argv[1:]))
            if found is None:
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

    def _planned(
        self, composed: DictConfig, base: Sequence[str], rest: Sequence[str], varied: frozenset[str]
    ) -> Planned:
        # Composed anew it would be the same, at ten times the cost.
        cfg = with_values(composed, dict(override.split("=", 1) for override in rest))
        overrides = [*base, *rest]
        values = [short(override) for override in overrides if override in varied]
        if values:
            cfg.name = "_".join([cfg.name, *values])
            overrides.append(f"name={cfg.name}")
        recipe = try_out(cfg)
        source = json.dumps(recipe.config["dataset"], sort_keys=True)
        if source not in self._fingerprints:
            self._fingerprints[source] = recipe.data.sequences.fingerprint
        id = run_id(recipe.config_hash, self._fingerprints[source])
        return Planned(id, recipe.name, [*overrides, *QUIET], recipe.config)


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
