"""The tables of config keys: made from the code, and whole."""

import sys

import pytest

from tests.config_runs import composed
from tests.docs.blocks import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import keys

SETTING = ("objective", "experiment", "sweep")  # these set the keys of other groups


def test_the_page_has_every_group():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert set(keys.groups()) >= {"backbone", "loss", "loss/rec", "dataset", "hydra/sweeper"}
    for group in keys.groups():
        assert f"\n## {group}\n" in page and f"{{keys}} {group}\n" in page, group


@pytest.mark.parametrize("group", [group for group in keys.groups() if group not in SETTING])
def test_every_key_has_a_meaning_and_a_type(group):
    for choice in keys.choices(group):
        for table in keys.tables(group, choice) if not _global(group, choice) else ():
            for row in table.rows:
                assert row.meaning and row.type, f"{group}/{choice}: {row}"


def _global(group, choice):
    return "@package" in (ROOT / "conf" / group / f"{choice}.yaml").read_text()


def test_every_top_level_key_has_a_meaning_and_a_type():
    table = keys.run_keys()
    assert {row.name for row in table.rows} >= {"seed", "name", "results_dir", "threads"}
    for row in table.rows:
        assert row.meaning and row.type, row


def test_a_table_says_what_the_code_says():
    (table,) = keys.tables("backbone", "sasrec")
    rows = {row.name: row for row in table.rows}
    assert table.target == "uniseq.backbones.sasrec.SASRec"
    assert set(rows) == set(composed().backbone) - {"_target_"}
    assert rows["dim"].default == f"`{composed().backbone.dim}`"
    assert rows["norm"].type == "`post`, `pre`"
    assert rows["heads"].meaning == "Attention heads; must divide `dim`."


def test_what_a_file_leaves_out_has_the_default_of_the_signature():
    _, source = keys.tables("dataset", "file")
    rows = {row.name: row for row in source.rows}
    assert rows["file"].default == "to be set"
    assert rows["sha256"].default == "`null`"
    assert rows["sha256"].type == "text or null"


def test_what_choices_share_is_shown_once():
    text = "\n".join(keys.page("trainer"))
    assert text.count("`trainer.log_every_n_steps`") == 1
    assert text.count("`trainer.limit_val_batches`") == 1
    assert all(f"`trainer={choice}`" in text for choice in keys.choices("trainer"))
