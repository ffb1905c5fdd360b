"""Shape of a record: what its fields may hold. A record may come from anyone.

JSON of another shape is refused before anything is read from it, so that whoever has a record may
rely on its types, on figures that are figures, and on names that lead nowhere else.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from uniseq.records.names import single_part
from uniseq.records.record import Record

# Metrics that lie between 0 and 1; one's own may be any number.
RATES = frozenset({"HR", "NDCG", "MRR", "Recall", "MAP"})
TOP = 1 + 1e-9  # a mean of ones may be rounded
DEPTH = 24  # of a config: far more than any has

FIGURE = re.compile(r"(masked|unmasked)/[\w-]+@[1-9]\d{0,8}")


class ShapeError(Exception):
    """That a value is not of the shape; its text names the key."""


def _rates(figures: dict[str, float]) -> dict[str, float]:
    for key, value in figures.items():
        name, at, _ = key.rpartition("/")[2].partition("@")
        if at and name in RATES and not 0 <= value <= TOP:
            raise ValueError(f"{key} is {value}: it lies between 0 and 1")
    return figures


def _known(figures: dict[str, float]) -> dict[str, float]:
    for key in figures:
        if not FIGURE.fullmatch(key):
            raise ValueError(f"{key!r} is no figure such as masked/HR@10")
    return figures


def _epoch(figures: dict[str, float]) -> dict[str, float]:
    number = figures.get("epoch")
    if number is None or number != int(number) or not 0 <= number < 2**31:
        raise ValueError(f"epoch must be a number from 0, not {number}")
    return figures


def _config(value: Any, where: str = "", depth: int = 0) -> Any:
    """A config's values are JSON's; classes have names."""
    if depth > DEPTH:
        raise ValueError(f"{where[:80]} lies too deep")
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError(f"{where} is {value}, which is no number")
    if isinstance(value, list):
        for index, each in enumerate(value):
            _config(each, f"{where}[{index}]", depth + 1)
    if isinstance(value, dict):
        for key, each in value.items():
            name = f"{where}.{key}" if where else key
            if key == "_target_" and not isinstance(each, str):
                raise ValueError(f"{name} must be the name of a class, not {each!r:.80}")
            _config(each, name, depth + 1)
    return value


def _ranked_by(config: dict[str, Any]) -> dict[str, Any]:
    """What readers go by is there: the watched figure, the seed, data and backbone."""
    for key in ("ranking", "dataset", "backbone"):
        if not isinstance(config.get(key), dict):
            raise ValueError(f"{key} must be a group of keys")
    if "_target_" not in config["backbone"]:
        raise ValueError("backbone._target_ must be the name of a class")
    ranking = config["ranking"]
    if ranking.get("history") not in ("masked", "unmasked"):
        raise ValueError("ranking.history must be masked or unmasked")
    monitor = ranking.get("monitor")
    if not isinstance(monitor, str) or not FIGURE.fullmatch(f"masked/{monitor}"):
        raise ValueError("ranking.monitor must be a figure, such as NDCG@10")
    if type(config.get("seed")) is not int:
        raise ValueError("seed must be an integer")
    return config


class Group(BaseModel):
    """Some keys of a record. Others are let through."""

    model_config = ConfigDict(strict=True, extra="allow")


Count = Annotated[int, Field(ge=0, lt=2**40)]
Number = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Part = Annotated[str, AfterValidator(single_part)]
Numbers = Annotated[dict[str, Number], AfterValidator(_rates)]
Figures = Annotated[Numbers, AfterValidator(_known)]


class Ranked(Group):
    """How many users were ranked."""

    validation: Count = 0
    test: Count


class Dataset(Group):
    """The data."""

    name: str = ""
    fingerprint: str = ""
    users: Count = 0
    items: Count = 0
    interactions: Count = 0
    ranked_users: Ranked | None = None


class Histogram(Group):
    """Counts of cosines in equal bins."""

    low: Number
    high: Number
    counts: Annotated[list[Count], Field(min_length=1, max_length=100_000)]

    @model_validator(mode="after")
    def _has_pairs(self) -> Self:
        if not self.low < self.high or not sum(self.counts):
            raise ValueError("its bins must lie between low and high, and hold a pair")
        return self


class Cosine(Group):
    """Cosines of pairs."""

    mean: Number
    histogram: Histogram


class Spread(Group):
    """How vectors lie."""

    vectors: Count
    cosine: Cosine | None
    uniformity: Number | None

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if (self.cosine is None) is not (self.uniformity is None):
            raise ValueError("cosine and uniformity are both there or both null")
        return self


class Measurement(Group):
    """One moment of the sphere."""

    epoch: Annotated[int, Field(ge=0, lt=2**31)]
    dim: Annotated[int, Field(ge=1, le=2**20)]
    histories: Spread
    items: Spread


class Seconds(Group):
    """What an epoch took."""

    train: Amount
    validation: Amount


class Timings(Group):
    """Seconds and memory."""

    epochs: list[Seconds] = []
    wall_s: Amount = 0
    peak_memory_mb: Amount = 0


class Environment(Group):
    """Versions and machine."""

    threads: Annotated[int, Field(ge=1, lt=2**16)] | None = None
    packages: dict[str, str] = {}


class Fault(Group):
    """Why a run failed."""

    type: str
    message: str
    traceback: str = ""


class Shape(BaseModel):
    """Of a whole record; :class:`uniseq.records.record.Record` says what its fields mean."""

    model_config = ConfigDict(strict=True, extra="forbid")

    status: Literal["finished", "failed", "interrupted", "pruned"]
    name: Part
    config: Annotated[dict[str, Any], AfterValidator(_config), AfterValidator(_ranked_by)]
    config_hash: str
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    dataset: Dataset = Dataset()
    epochs: list[Annotated[Numbers, AfterValidator(_epoch)]] = []
    best_epoch: Count | None = None
    stopped: str | None = None
    capped: bool | None = None
    test: Figures = {}
    yardsticks: dict[str, Figures] = {}
    sphere: list[Measurement] = []
    ranks_file: Part | None = None
    error: Fault | None = None
    resumed_from: str | None = None
    environment: Environment = Environment()
    timings: Timings = Timings()
    schema_: Annotated[int, Field(alias="schema")] = 1


def check_shape(content: Mapping[str, Any]) -> None:
    """Refuse what is no record.

    Raises:
        ShapeError: naming the first key that holds something else.
    """
    try:
        Shape.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        problem = fault["msg"].removeprefix("Value error, ")
        raise ShapeError(f"{where}: {problem}" if where else problem) from error


def check_finished(record: Record) -> None:
    """Refuse a finished run that lacks what every finished run has.

    Raises:
        ShapeError: naming what is not there.
    """
    data = record.dataset
    for key, there in {
        "test": record.test,
        f"epochs, {record.watched}": record.validated,
        "dataset.name": data.get("name"),
        "dataset.fingerprint": data.get("fingerprint"),
        "dataset.ranked_users": data.get("ranked_users"),
    }.items():
        if not there:
            raise ShapeError(f"{key}: is not there, though the run is finished")
