"""Every YAML file is composed and trained; names and signatures agree with the package."""

import importlib
import inspect
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.config_runs import TINY, composed
from uniseq.config.check import check_config
from uniseq.config.paths import conf_dir
from uniseq.config.recipes import recipe
from uniseq.training.train import train

CONF = conf_dir()
FILES = sorted(CONF.glob("**/*.yaml"))
CHOICES = [
    path
    for path in FILES
    if path.parent != CONF
    and not path.stem.startswith("_")
    and path.stem != "custom"
    and "hydra" not in path.relative_to(CONF).parts
]
BENCHMARKS = {"beauty", "toys", "sports", "yelp", "file", "amazon", "yelp_raw"}
SEVERAL_PROCESSES = {"ddp", "ddp_cpu"}  # started by a command line: see tests/distributed


def _override(path: Path) -> str:
    group = path.parent.relative_to(CONF).as_posix()
    return f"{group}={path.stem}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONF)))
def test_each_file_opens_with_the_command_that_uses_it(path):
    lines = path.read_text().splitlines()
    assert "python -m uniseq.run" in (lines[1] if "@package" in lines[0] else lines[0])


@pytest.mark.parametrize("path", CHOICES, ids=_override)
def test_each_choice_composes_to_a_sound_config(path, tmp_path):
    extra = ("dataset.source.file=x.txt",) if path.stem == "file" else ()
    plain = check_config(composed([_override(path), *extra]))
    assert plain["ranking"]["ks"]


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in CHOICES
        if p.stem not in BENCHMARKS | SEVERAL_PROCESSES
        and p.parent.name not in ("experiment", "sweep")  # see tests/sweep/test_experiments.py
    ],
    ids=_override,
)
def test_each_choice_trains(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    limits = ("trainer.max_epochs=1",) if path.parent.name == "trainer" else ("trainer=smoke",)
    record = train(
        recipe(composed([_override(path), *limits, *TINY, f"results_dir={tmp_path}"])), tmp_path
    )
    assert record.status == "finished"
    assert len(record.epochs) == 1
    assert 0 <= record.test["masked/HR@10"] <= 1


@pytest.mark.parametrize("group", ["backbone", "loss"])
def test_group_files_and_package_modules_have_the_same_names(group):
    package = {"backbone": "backbones", "loss": "losses"}[group]
    parts = {"base", "gaussian", "__init__"}
    modules = {p.stem for p in (Path(CONF).parent / "uniseq" / package).glob("*.py")} - parts
    paths = [path for path in (CONF / group).glob("*.yaml") if path.stem != "custom"]
    files = {path.stem: OmegaConf.load(path) for path in paths}
    # A choice without a class of its own is a setting of the one that it stands on.
    settings = {name for name, content in files.items() if "_target_" not in content}
    assert files.keys() - settings == modules
    assert {files[name].defaults[0] for name in settings} <= modules


HELD = ("backbone", "loss", "rec", "similarity", "dataset", "sphere", "scheduler")
# What a file selects: there it is not the default that stands.
SELECTED = {"url", "sha256", "since", "until", "epochs", "warmup"}


def nodes(content):
    """Every node with a class of the package, wherever it stands in a file."""
    if isinstance(content, dict):
        if str(content.get("_target_", "")).startswith("uniseq."):
            yield content
        for each in content.values():
            yield from nodes(each)


@pytest.mark.parametrize(
    "path",
    [
        *(path for path in CHOICES if path.parent.name in HELD),
        CONF / "dataset" / "_datamodule.yaml",
    ],
    ids=_override,
)
def test_values_in_a_file_are_the_signature_s_defaults(path):
    """One place for defaults is the signature; a file repeats them only to show them."""
    for node in nodes(OmegaConf.to_container(OmegaConf.load(path))):
        module, _, name = node["_target_"].rpartition(".")
        signature = inspect.signature(getattr(importlib.import_module(module), name))
        for key, value in node.items():
            plain = not isinstance(value, dict) and "${" not in str(value) and value != "???"
            if key in ("_target_", "_partial_", "defaults") or key in SELECTED or not plain:
                continue
            default = signature.parameters[key].default
            default = list(default) if isinstance(default, tuple) else default
            assert default == value or default is inspect.Parameter.empty, key
