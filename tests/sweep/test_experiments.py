"""The experiments of the paper: what each of them plans, and that its kinds of runs train."""

from functools import cache
from pathlib import Path

import pytest

from tests.config_runs import composed, run
from tests.sweep.requests import requested
from uniseq.config.check import check_config
from uniseq.config.paths import conf_dir
from uniseq.config.recipes import recorded_recipe
from uniseq.errors import ConfigError, UniseqError
from uniseq.records.identity import hash_config, identity
from uniseq.records.store import RECORD, read_record
from uniseq.report.__main__ import TABLES
from uniseq.report.table_files import read_tables
from uniseq.report.tables import matches
from uniseq.sweep.plan import Planner

EXPERIMENTS = conf_dir() / "experiment"
RESULTS = Path(__file__).parents[2] / "experiments" / "results"

UNIFORM = "uniseq.losses.uniform.UniformityLoss"
PAPER_GRID = 3 * 3 * 3 * 3 * 4


@cache  # a plan composes each of its runs
def plan(*arguments):
    """The plan of a command line, with a tiny synthetic data set in place of the benchmarks."""
    return Planner(requested(*arguments)).plan()


def test_table_3_is_one_objective_under_five_weights():
    found = plan("experiment=table3", "dataset=synthetic")
    assert [run.config["loss"]["beta"] for run in found.runs] == [0.05, 0.1, 0.01, 0.005, 0.001]
    assert {run.config["loss"]["_target_"] for run in found.runs} == {UNIFORM}
    assert {run.config["results_dir"] for run in found.runs} == {"experiments/results"}
    assert len({run.id for run in found.runs}) == 5
    names = [run.name for run in found.runs]
    assert names[0] == "synthetic_sasrec_uniform_cosine_seed0_beta0.05"
    assert f"name={names[0]}" in found.runs[0].overrides
    assert len(set(names)) == 5


def test_table_3_has_a_sweep_under_equation_4_to_the_letter():
    found = plan("experiment=table3_literal", "dataset=synthetic")
    assert [run.config["loss"]["beta"] for run in found.runs] == [0.1, 0.05, 0.01]
    assert {run.config["loss"]["pairs"] for run in found.runs} == {"literal"}
    separate = {run.id for run in plan("experiment=table3", "dataset=synthetic").runs}
    assert not separate & {run.id for run in found.runs}


def test_both_starts_of_the_items_the_former_of_which_is_done_already():
    found = plan("experiment=items_start", "dataset=synthetic").runs
    ids = {
        (run.config["loss"]["_target_"] == UNIFORM, run.config["items"]["std"]): run.id
        for run in found
    }
    assert ids.keys() == {(False, 0.02), (False, 0.1), (True, 0.02), (True, 0.1)}
    table2 = {run.id for run in plan("experiment=table2", "dataset=synthetic").runs}
    assert table2 & set(ids.values()) == {ids[False, 0.02], ids[True, 0.02]}


def test_gru4rec_s_layouts_and_caser_s_windows_are_settings_with_names():
    found = plan("experiment=gru4rec_layouts", "dataset=synthetic").runs
    shapes = {tuple(run.config["backbone"][key] for key in ("dim", "layers")) for run in found}
    places = [run.config["backbone"]["dropout_at"] for run in found]
    rates = [run.config["optimizer"]["lr"] for run in found]
    assert shapes == {(128, 1)}
    assert places == [["input"]] * 2 + [["input", "between", "output"]] * 2
    assert rates == [3e-4, 1e-3] * 2
    names = [run.name for run in found]
    assert names[0] == "synthetic_gru4rec128_uniform_cosine_seed0_dropout_at-input_lr0.0003"
    windows = plan("dataset=synthetic", "backbone=caser,caser50").runs
    assert [run.config["backbone"]["length"] for run in windows] == [5, 50]
    (same,) = plan("dataset=synthetic", "backbone=caser", "backbone.length=50").runs
    assert same.id == windows[1].id
    assert windows[1].name == "synthetic_caser50_uniform_cosine_seed0"


def test_a_name_shows_the_values_that_vary_and_no_others():
    def names(*arguments):
        return [run.name for run in plan("dataset=synthetic", *arguments).runs]

    usual = "synthetic_sasrec_uniform_cosine_seed"
    assert names("seed=0,1") == [f"{usual}0", f"{usual}1"]
    assert names("loss/rec=bce,bpr", "loss.beta=.1") == [f"{usual}0"] * 2
    assert names("ranking.ks=[5,10],[10]") == [f"{usual}0_ks-5-10", f"{usual}0_ks-10"]
    assert names("loss.beta=.1,.05", "name=mine") == ["mine", "mine"]


def test_an_axis_is_replaced_however_it_is_written():
    for axis in ("loss.beta=.2", "++loss.beta=.2"):
        (found,) = plan("experiment=table3", "dataset=synthetic", axis).runs
        assert found.config["loss"]["beta"] == 0.2
    search = "+hydra.sweeper.search={loss.beta:[.1,.2],loss.beta1:[null,0]}"
    found = plan("dataset=synthetic", search, "++loss.beta=.3").runs
    assert [run.config["loss"]["beta"] for run in found] == [0.3, 0.3]
    assert [run.config["loss"]["beta1"] for run in found] == [None, 0.0]


def test_a_whole_number_is_the_same_setting_as_its_float():
    both = plan("dataset=synthetic", "loss.beta1=0,0.0", "loss.t=2,2.0").runs
    assert len(both) == 1
    assert [type(both[0].config["loss"][key]) for key in ("beta1", "t")] == [float, float]
    assert type(both[0].config["backbone"]["dim"]) is int


def test_table_2_has_a_run_for_each_part_left_out():
    parts = {}
    for each in plan("experiment=table2", "dataset=synthetic").runs:
        objective, config = each.overrides[1], each.config
        loss, cosine = config["loss"], config["similarity"]["_target_"].endswith("Cosine")
        full = loss["_target_"] == UNIFORM
        parts[objective.removeprefix("objective=")] = (
            cosine,
            loss["rec"] is not None if full else True,
            full and loss["beta1"] != 0,
            full and loss["beta2"] != 0,
        )
    assert parts == {
        "uniform": (True, True, True, True),
        "bce": (False, True, False, False),
        "naive": (True, True, False, False),
        "rec_hom": (True, True, True, False),
        "rec_het": (True, True, False, True),
        "hom_het": (True, False, True, True),
        "unnormalised": (False, True, True, True),
    }


def test_the_same_run_has_the_same_id_in_each_experiment():
    ids = [
        {run.id for run in plan(f"experiment={name}", "dataset=synthetic").runs}
        for name in ("table1", "table2", "table3", "figure1")
    ]
    assert len(set.intersection(*ids)) == 1  # SASRec under the whole objective
    assert len(ids[0]) == 3 * 5


def test_table_1_plans_every_row_that_the_table_has():
    (table,) = (each for each in read_tables(TABLES) if each.name == "table1")
    runs = plan("experiment=table1", "dataset=synthetic").runs
    missing = [
        (group, row)
        for group in table.groups
        for row, part in table.rows.items()
        if not part.optional
        and not any(
            matches(each.config, table.groups[group].conditions, part.conditions) for each in runs
        )
    ]
    assert missing == []


def test_infonce_of_the_paper_takes_the_dot_product_and_ours_the_cosine():
    found = {}
    for name in ("infonce", "infonce_cosine"):
        config = composed([f"objective={name}"])
        found[name] = (config.similarity._target_.rpartition(".")[2], config.loss.temperature)
    assert found == {"infonce": ("Dot", 1.0), "infonce_cosine": ("Cosine", 0.1)}
    axis = plan("dataset=synthetic", "objective=infonce", "loss.temperature=1,.5").runs
    assert [each.config["loss"]["temperature"] for each in axis] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("folder", "chosen"),
    [
        ("beauty_sasrec_infonce_cosine_seed0-37a8cef4d388", ("objective=infonce_cosine",)),
        (
            "toys_gru4rec_infonce_cosine_seed0-6e3f5ded4f8a",
            ("backbone=gru4rec", "objective=infonce_cosine"),
        ),
        (
            "beauty_caser_infonce_cosine_seed0-ce552d3efc5b",
            ("backbone=caser", "objective=infonce_cosine"),
        ),
        (
            "beauty_gru4rec_uniform_cosine_seed0-d01ef879471d",
            ("backbone=gru4rec", "objective=uniform"),
        ),
        ("toys_caser_bpr_dot_seed0-8204dc9f4701", ("backbone=caser", "objective=bpr")),
        ("beauty_sasrec_uniform_cosine_seed0-11b6d3b35b29", ("objective=uniform",)),
        ("toys_sasrec_bce_cosine_seed0-c92ae13f9c04", ("objective=naive",)),
    ],
)
def test_a_command_of_today_has_the_hash_of_the_record_that_it_made(folder, chosen):
    record = read_record(RESULTS / folder / RECORD)
    config = check_config(composed([f"dataset={folder.partition('_')[0]}", *chosen]))
    assert hash_config(identity(config)) == record.config_hash
    again = recorded_recipe(record.config, None)
    assert again.config_hash == record.config_hash
    assert set(again.config["backbone"]) == set(config["backbone"])


def test_an_experiment_is_narrowed_and_varied_on_the_command_line():
    found = plan("experiment=table1", "dataset=synthetic", "backbone=caser", "seed=1,2")
    assert len(found.runs) == 2 * 5
    assert {run.config["backbone"]["_target_"] for run in found.runs} == {
        "uniseq.backbones.caser.Caser"
    }
    assert {run.config["seed"] for run in found.runs} == {1, 2}


@pytest.mark.parametrize(
    ("narrowed", "runs", "clashes", "absent"),
    [
        (["backbone=sasrec", "objective=uniform"], PAPER_GRID * 2 // 3, PAPER_GRID // 3, []),
        (["backbone=sasrec", "objective=bce"], 3 * 3 * 3 * 2, 3 * 3 * 3, ["loss.beta"]),
        (["backbone=gru4rec", "objective=uniform"], 3 * 3 * 3 * 4, 0, ["backbone.heads"]),
        (
            ["backbone=caser", "objective=bce"],
            *(3 * 3, 0, ["backbone.layers", "backbone.heads", "loss.beta"]),
        ),
        (
            ["backbone=sasrec", "objective=bce", "backbone.dim=64", "backbone.heads=2"],
            *(9, 0, ["loss.beta"]),
        ),
    ],
)
def test_the_paper_s_grid_has_the_keys_that_apply(narrowed, runs, clashes, absent):
    found = plan("sweep=paper_grid", *narrowed)
    assert len(found.runs) == runs
    assert len(found.left_out) == clashes + len(absent)
    for line in found.left_out[:clashes]:
        assert "backbone.heads=3" in line and "must divide dim" in line
    end = "no component that was chosen has this key"
    assert found.left_out[clashes:] == [f"{key}: {end}" for key in absent]


def test_null_is_a_value_of_an_axis_that_is_always_crossed():
    found = plan("+hydra.sweeper.params={loss.beta1:null,loss.beta2:[null,0]}")
    assert [run.config["loss"]["beta2"] for run in found.runs] == [None, 0]
    assert {run.config["loss"]["beta1"] for run in found.runs} == {None}


def test_what_is_not_to_be_left_out_stops_the_sweep():
    with pytest.raises(ConfigError, match=r"backbone\.heads: must divide dim"):
        plan("backbone.heads=2,3")
    with pytest.raises(UniseqError, match=r"loss\.beta: must be 0 or more"):
        plan("loss.beta=.1,-1")
    with pytest.raises(ConfigError, match=r"loss\.beta: has no end"):
        plan("loss.beta=interval(0, 1)")


@pytest.mark.parametrize("name", sorted(path.stem for path in EXPERIMENTS.glob("*.yaml")))
def test_the_last_run_of_each_experiment_trains(name, tmp_path):
    last = plan(f"experiment={name}", "dataset=synthetic").runs[-1]
    chosen = [each for each in last.overrides if not each.startswith(("hydra", "results_dir"))]
    record = run(tmp_path, *chosen, "trainer=smoke")
    assert record.status == "finished"
    assert 0 <= record.test["masked/HR@10"] <= 1


@pytest.mark.parametrize("name", ["rec_hom", "rec_het", "hom_het", "unnormalised"])
def test_each_part_of_the_objective_trains_alone(name, tmp_path):
    record = run(tmp_path, f"objective={name}", "trainer=smoke")
    terms = {key for key in record.epochs[0] if key.startswith("train/")}
    assert {f"train/{part}" in terms for part in name.split("_")} == {name != "unnormalised"}
