"""Own code: a class of one's own is known by its version or its source."""

import importlib
import logging
import sys

import pytest

from tests.config_runs import TINY, composed
from uniseq.config.recipes import recipe
from uniseq.data.sources.raw_log import RawLog
from uniseq.errors import ConfigError
from uniseq.losses import BCELoss
from uniseq.records.identity import run_id
from uniseq.records.own_code import own_code, version_of
from uniseq.sweep.worker import run_once
from uniseq.training.train import train

LOSS = """
from uniseq.losses import BCELoss
from {helper} import SCALE, scaled

class Mine(BCELoss):
    def forward(self, triplets):
        loss, terms = super().forward(triplets)
        return scaled(loss) * {factor}, terms
"""
HELPER = "SCALE = {scale}\ndef scaled(loss):\n    return loss * SCALE\n"
READER = """
from dataclasses import dataclass
from uniseq.data.sources.readers import AmazonRatings
import polars as pl

@dataclass(frozen=True)
class Mine:
    {version}
    def scan(self, path, bad):
        return AmazonRatings().scan(path, bad).filter(pl.col("timestamp") >= {since})
"""
OWN = ("loss=custom", "loss._target_=own_loss_of_tests.Mine", "trainer.max_epochs=1")


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a module of one's own, as an editor between two starts of Python does."""
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    written = set()

    def write_module(name, text):
        (folder / f"{name}.py").write_text(text)
        written.add(name)
        for each in written:
            sys.modules.pop(each, None)
        importlib.invalidate_caches()

    yield write_module
    for each in written:
        sys.modules.pop(each, None)


def test_what_is_not_ones_own_has_none():
    assert version_of(BCELoss) is None
    assert version_of(logging.Handler) is None
    assert version_of(pytest.Item) is None
    assert recipe(composed(TINY)).code == {}
    assert run_id("a", "b", {}) == run_id("a", "b")


@pytest.mark.parametrize("edited", ["factor", "scale"])
def test_an_edited_loss_is_another_run_and_is_not_gone_on_with(tmp_path, write, edited, caplog):
    def made(*given, factor=1, scale=1):
        write("own_helper_of_tests", HELPER.format(scale=scale))
        write("own_loss_of_tests", LOSS.format(factor=factor, helper="own_helper_of_tests"))
        return recipe(composed([*TINY, *OWN, f"results_dir={tmp_path}", *given]))

    before = made()
    first = run_once(before, tmp_path)
    assert run_once(made(), tmp_path) == first
    after = made(**{edited: 2})
    assert after.config_hash == before.config_hash
    assert after.id != before.id
    assert "run anew" not in caplog.text
    run_once(after, tmp_path)
    (folder,) = tmp_path.glob(f"*-{before.id}")
    assert f"{folder}: its code of own_loss_of_tests.Mine was another; run anew" in caplog.text
    assert len([*tmp_path.glob("*/record.json")]) == 2
    last = f"ckpt_path={folder / 'checkpoints' / 'last.ckpt'}"
    on = made("trainer.max_epochs=2", last, **{edited: 2})
    with pytest.raises(ConfigError, match=r"^ckpt_path: .* other code of own_loss_of_tests\.Mine"):
        train(on, tmp_path / "on")


def test_an_edit_that_is_not_loaded_yet_is_not_taken_for_what_runs(write, tmp_path):
    write("own_loss_of_tests", LOSS.format(factor=1, helper="own_helper_of_tests"))
    write("own_helper_of_tests", HELPER.format(scale=1))
    config = {"loss": {"_target_": "own_loss_of_tests.Mine"}}
    before = own_code(config)
    (tmp_path / "code" / "own_loss_of_tests.py").write_text("# another")
    assert own_code(config) == before != {}


@pytest.mark.parametrize(
    ("versions", "anew"),
    [(("", ""), True), (("version = 1",) * 2, False), (("version = 1", "version = 2"), True)],
)
def test_an_edited_reader_prepares_anew_unless_its_version_stays(
    tmp_path, write, monkeypatch, caplog, versions, anew
):
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "log.csv").write_text("".join(f"u,i{n},5,{n}\n" for n in range(10)))
    counts = []
    for version, since in zip(versions, (0, 4), strict=True):
        write("own_reader_of_tests", READER.format(version=version, since=since))
        reader = importlib.import_module("own_reader_of_tests").Mine()
        log = RawLog(reader, "log.csv", str(tmp_path), core=1)
        counts += [len(log.load().items), len(log.load().items)]
    assert counts == ([10, 10, 6, 6] if anew else [10] * 4)
    assert caplog.text.count("prepared by Mine as it is now") == (2 if anew else 1)
