"""The table files: faults are named, and those of the repository select what they say."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.config_runs import composed
from tests.report.cases import on_disk, record, table
from uniseq.config.check import check_config
from uniseq.errors import DataError
from uniseq.report.__main__ import TABLES
from uniseq.report.build import build_report
from uniseq.report.entries import setting_of
from uniseq.report.table_files import read_tables
from uniseq.report.tables import matches

EXAMPLES = Path(__file__).parents[2] / "experiments" / "examples"
UNIFORM = ("loss=uniform", "similarity=cosine")
CELLS = [
    ("table1", "bce", ("loss=bce", "similarity=dot", "backbone=caser", "optimizer.lr=1e-4")),
    ("table1", "bpr", ("loss=bpr", "similarity=dot", "backbone=gru4rec")),
    ("table1", "infonce", ("loss=infonce", "similarity=dot", "loss.temperature=1")),
    ("table1", "infonce_cosine", ("loss=infonce", "similarity=cosine")),
    ("table1", "naive", ("loss=bce", "similarity=cosine")),
    ("table1", "uniform", (*UNIFORM, "loss.beta=.01", "loss.pairs=literal")),
    ("table1", None, (*UNIFORM, "loss.beta1=0")),
    ("table1", None, (*UNIFORM, "loss.beta1=.01")),
    ("table1", None, (*UNIFORM, "loss.t=3")),
    ("table1", None, (*UNIFORM, "backbone.dim=48")),
    ("table1", None, (*UNIFORM, "backbone.dropout=.2")),
    ("table1", None, (*UNIFORM, "backbone.attention_dropout=.2")),
    ("table1", None, (*UNIFORM, "optimizer.lr=1e-3")),
    ("table1", "uniform", (*UNIFORM, "optimizer.lr=1e-3", "backbone=gru4rec")),
    ("table1", "uniform", (*UNIFORM, "backbone=caser", "backbone.length=50")),
    ("table1", None, (*UNIFORM, "backbone=caser", "backbone.length=10")),
    ("table1", "uniform", (*UNIFORM, "backbone=caser50")),
    ("table1", "uniform", (*UNIFORM, "backbone=gru4rec128", "optimizer.lr=1e-3")),
    ("table1", "uniform", (*UNIFORM, "ranking.patience=21", "backbone.dim=128")),
    ("table1", None, (*UNIFORM, "ranking.patience=30")),
    ("table1", None, (*UNIFORM, "dataset.batch_size=512")),
    ("table1", None, (*UNIFORM, "+trainer.gradient_clip_val=1")),
    ("table1", None, (*UNIFORM, "+trainer.accumulate_grad_batches=2")),
    ("table1", None, (*UNIFORM, "optimizer.weight_decay=.1")),
    ("table1", None, (*UNIFORM, "scheduler=step")),
    (
        "table1",
        "uniform",
        (*UNIFORM, "items.std=.1", "backbone.std=.1", "backbone.unit_input=true"),
    ),
    ("table1", None, (*UNIFORM, "items.std=.3")),
    (
        "table1",
        "bce",
        ("loss=bce", "similarity=dot", "backbone=gru4rec", "backbone.dropout_at=[input]"),
    ),
    ("table2", "b_wide", ("loss=bce", "similarity=cosine", "items.std=.1")),
    ("table2", "e_wide", (*UNIFORM, "items.std=.1", "backbone.std=.1")),
    ("table2", None, (*UNIFORM, "backbone.unit_input=true")),
    ("table3", None, (*UNIFORM, "items.std=.1")),
    ("table1", None, (*UNIFORM, "loss/rec=bpr")),
    ("table1", None, (*UNIFORM, "dataset.empty_history=true")),
    ("table1", None, (*UNIFORM, "dataset.eval_users=100")),
    ("table1", None, (*UNIFORM, "trainer=smoke")),
    ("table1", None, (*UNIFORM, "ranking.history=unmasked")),
    ("table2", "a", ("loss=bce", "similarity=dot")),
    ("table2", "b", ("loss=bce", "similarity=cosine")),
    ("table2", "c", (*UNIFORM, "loss.beta2=0")),
    ("table2", "d", (*UNIFORM, "loss.beta1=0", "loss.beta2=.05")),
    ("table2", "e", UNIFORM),
    ("table2", "f", (*UNIFORM, "loss.rec=null")),
    ("table2", "g", ("loss=uniform", "similarity=dot")),
    ("table2", None, (*UNIFORM, "optimizer.lr=1e-4")),
    ("table2", None, (*UNIFORM, "backbone.positions=end")),
    ("table2", None, (*UNIFORM, "loss.beta=.1")),
    ("table3", "1e-1", (*UNIFORM, "loss.beta=.1")),
    ("table3", "5e-2", UNIFORM),
    ("table3", "1e-2", (*UNIFORM, "loss.beta=.01")),
    ("table3", "5e-3", (*UNIFORM, "loss.beta=.005")),
    ("table3", "1e-3", (*UNIFORM, "loss.beta=.001")),
    ("table3", "literal-1e-1", (*UNIFORM, "loss.pairs=literal", "loss.beta=.1")),
    ("table3", "literal-5e-2", (*UNIFORM, "loss.pairs=literal")),
    ("table3", None, (*UNIFORM, "trainer.max_epochs=45")),
]


@pytest.mark.parametrize(("name", "row", "overrides"), CELLS)
def test_a_run_falls_into_the_one_cell_that_is_meant(name, row, overrides):
    ours = next(each for each in read_tables(TABLES) if each.name == name)
    config = check_config(composed(["dataset=toys", *overrides]))
    found = [
        (key[0], key[2])
        for key in ours.keys()  # noqa: SIM118
        if matches(config, ours.conditions, *(part.conditions for part in ours.parts(key)))
        and not ours.unlisted(key, setting_of(config))
    ]
    assert found == ([] if row is None else [("toys", row)])


def test_a_condition_on_a_later_key_takes_the_records_from_before_it():
    config = check_config(composed(["items.std=.1"]))
    former = {key: value for key, value in config.items() if key != "items"}
    found = [
        [matches(each, {"items.std": std}) for std in (0.02, 0.1)] for each in (former, config)
    ]
    assert found == [[True, False], [False, True]]
    assert not matches(former, {"items.std": None})


def test_a_record_with_a_key_that_is_neither_fixed_nor_left_free_fills_no_cell_and_is_named(
    tmp_path,
):
    odd = record("ours", lr=0.1)
    odd.config["optimizer"] |= {"eps": 0.1, "decay": None, "speed": {"fused": True, "foreach": 1}}
    on_disk(tmp_path / "odd", odd)
    on_disk(tmp_path / "base", record("base"))
    known = ["backbone", "loss.kind", "dataset.file", "data"]
    ours = table(free=[*known, "optimizer.lr", "optimizer.speed"])
    report, _ = build_report(tmp_path, tmp_path / "report", [ours])
    (section,) = report.sections
    assert section.cells["one", "net", "ours"].state == "not run"
    assert section.cells["one", "net", "base"].state == "run"
    assert section.notes == [
        f"{tmp_path / 'odd' / 'record.json'} fills no cell of One · Net · Ours, β: the table "
        "neither fixes optimizer.eps=0.1 nor leaves it free"
    ]
    rows = table().model_dump()["rows"]
    rows["ours"]["free"] = ["optimizer.eps"]  # of one row alone
    ours = table(free=ours.free, rows=rows)
    assert build_report(tmp_path, tmp_path / "report", [ours])[0].sections[0].notes == []
    # A table that says nothing of it takes all that meet its conditions.
    assert table().unlisted(("one", "net", "ours"), {"optimizer.eps": 0.1}) == {}


def test_what_a_cell_may_vary_is_said(tmp_path):
    on_disk(tmp_path / "a", record("ours"))
    rows = table().model_dump()["rows"]
    rows["ours"]["free"] = ["loss.kind"]
    conditions = table().conditions | {"optimizer.lr": [0.1, 0.2]}
    ours = table(rows=rows, conditions=conditions, free=["dataset", "backbone"])
    build_report(tmp_path, tmp_path / "report", [ours])
    text = (tmp_path / "report" / "report.md").read_text()
    assert "- all: `optimizer.lr` of 0.1, 0.2; any `dataset`, any `backbone`" in text
    assert "- Ours, β: any `loss.kind`" in text
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<code>optimizer.lr</code> of 0.1, 0.2" in page


def test_the_example_takes_ones_own_loss():
    (ours,) = read_tables(EXAMPLES / "own_table.yaml")
    own = ["loss=custom", "loss._target_=own_loss.MarginLoss", "+loss.margin=.2"]
    for row, overrides in (("margin", own), ("bce", ["loss=bce"])):
        config = OmegaConf.to_container(composed(overrides), resolve=True)
        parts = [ours.panels["synthetic"], ours.groups["sasrec"]]
        conditions = [ours.conditions, *(part.conditions for part in parts)]
        assert [
            name for name in ours.rows if matches(config, *conditions, ours.rows[name].conditions)
        ] == [row]


def test_each_data_set_has_its_panel():
    for ours in read_tables(TABLES):
        for panel in ours.panels:
            config = check_config(composed([f"dataset={panel}"]))
            assert [p for p, part in ours.panels.items() if matches(config, part.conditions)] == [
                panel
            ]


def test_the_known_numbers_stand_in_the_tables():
    one, two, three = read_tables(TABLES)
    assert one.paper == two.paper == three.paper
    assert one.paper.authors == "Chung & Kim"
    assert one.printed_at(("beauty", "sasrec", "bce")) == {"HR@10": 0.0522, "NDCG@10": 0.0278}
    assert two.printed_at(("beauty", "sasrec", "b")) == {"HR@10": 0.0233, "NDCG@10": 0.0113}
    assert three.printed_at(("beauty", "sasrec", "1e-3")) == {"HR@10": 0.0353, "NDCG@10": 0.0168}
    assert {claim.text for each in (one, two, three) for claim in each.claims} >= {
        "The objective beats every baseline of the paper",
        "Of the two regularisers, L_hom matters more",
        "β = .05 is best, with separate pairs",
        "β = .05 is best, with Eq. 4 to the letter",
    }


# Typed from the paper by hand, one of each column of its tables and of each backbone and letter.
TYPED = [
    ("table1", "beauty", "gru4rec", "bpr", 0.0472, 0.0248),
    ("table1", "toys", "caser", "infonce", 0.0371, 0.0149),
    ("table1", "sports", "sasrec", "uniform", 0.0471, 0.0214),
    ("table1", "yelp", "sasrec", "infonce", 0.0593, 0.0334),
    ("table1", "yelp", "gru4rec", "uniform", 0.0665, 0.0378),
    ("table1", "sports", "caser", "bce", 0.0218, 0.0110),
    ("table2", "toys", "sasrec", "a", 0.0604, 0.0295),
    ("table2", "toys", "sasrec", "b", 0.0181, 0.0093),
    ("table2", "beauty", "sasrec", "c", 0.0786, 0.0362),
    ("table2", "beauty", "sasrec", "d", 0.0416, 0.0205),
    ("table2", "toys", "sasrec", "e", 0.0896, 0.0411),
    ("table2", "beauty", "sasrec", "f", 0.0028, 0.0015),
    ("table2", "toys", "sasrec", "g", 0.0614, 0.0301),
    ("table3", "beauty", "sasrec", "1e-1", 0.0785, 0.0358),
    ("table3", "toys", "sasrec", "5e-3", 0.0582, 0.0280),
]


def test_all_that_the_paper_prints_stands_in_the_tables():
    ours = {each.name: each for each in read_tables(TABLES)}
    printed = {
        name: sum(
            not row.startswith("literal")  # Table 3's once more, beside the other reading
            for panels in each.printed.values()
            for rows in panels.values()
            for row in rows
        )
        for name, each in ours.items()
    }
    assert printed == {"table1": 48, "table2": 14, "table3": 10}
    for name, panel, group, row, hit, gain in TYPED:
        assert ours[name].printed_at((panel, group, row)) == {"HR@10": hit, "NDCG@10": gain}
    # What two tables print of one model is one number.
    for panel in ("beauty", "toys"):
        one, two, three = (ours[f"table{number}"].printed[panel]["sasrec"] for number in (1, 2, 3))
        assert one["uniform"] == two["e"] == three["5e-2"]
        assert one["bce"] == two["a"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"baselines": ["yours"]}, "there is no row 'yours': choose from ours, base, other"),
        ({"ours": "mine"}, "there is no row 'mine': choose from ours, base, other"),
        ({"claims": [{"kind": "beats", "text": "x", "winner": "y"}]}, "there is no row 'y'"),
        (
            {
                "claims": [
                    {"kind": "group_order", "text": "x", "row": "ours", "groups": ["net", "x"]}
                ]
            },
            "there is no group 'x': choose from net",
        ),
        ({"claims": [{"kind": "rises_as_spread", "text": "x", "row": "y"}]}, "there is no row 'y'"),
        ({"claims": [{"kind": "wins", "text": "x"}]}, "beats"),
        ({"conditions": {"ranking.history": "masked"}}, "conditions must fix ranking.monitor"),
        ({"printed": {"one": {"net": {"nobody": [1, 2]}}}}, "printed.one.net.nobody is no cell"),
        ({"printed": {"one": {"net": {"ours": [0.1]}}}}, "must have 2 numbers"),
        ({"colour": "red"}, "colour"),
        (
            {"groups": {"net": {"label": "N", "conditions": {"a": {"above": 1}}}}},
            "a: a value, a list of values or {not: …}",
        ),
        (
            {
                "conditions": {
                    **{"ranking.history": "masked", "ranking.monitor": "NDCG@10"},
                    "loss": {"beta": 0.1},
                }
            },
            "loss: a value, a list of values or {not: …}",
        ),
        ({"metrics": []}, "at least 1 item"),
    ],
)
def test_a_faulty_table_is_refused(changes, fault):
    with pytest.raises(ValueError) as found:
        table(**changes)
    assert fault in str(found.value)


def test_a_faulty_file_is_one_line_with_its_name(tmp_path):
    with pytest.raises(DataError, match=r"has no table files .*--tables"):
        read_tables(tmp_path)
    for text in ("title: [", "- a list", "title: 3"):
        (tmp_path / "mine.yaml").write_text(text)
        with pytest.raises(DataError) as found:
            read_tables(tmp_path)
        assert str(found.value).startswith(str(tmp_path / "mine.yaml: ").rstrip())
        assert "\n" not in str(found.value)


def test_one_file_is_enough_and_its_numbers_are_read_as_hydra_reads_them(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "title: Mine\n"
        "metrics: [HR@10]\n"
        "conditions: {ranking.history: masked, ranking.monitor: NDCG@10, optimizer.lr: 1e-3}\n"
        "panels: {log: {label: Log, conditions: {}}}\n"
        "groups: {net: {label: Net, conditions: {}}}\n"
        "rows: {a: {label: A, conditions: {loss.beta: [5e-2, 1E+1, -2e0]}}}\n"
    )
    (ours,) = read_tables(file)
    assert (ours.name, ours.paper, ours.source, ours.printed) == ("mine", None, "", {})
    assert ours.conditions["optimizer.lr"] == 0.001
    assert ours.rows["a"].conditions["loss.beta"] == [0.05, 10.0, -2.0]


def test_a_table_without_printed_numbers_speaks_of_none_and_a_misspelt_key_is_named(tmp_path):
    conditions = table().conditions | {"optimizer.rate": 0.1}
    ours = table(source="", printed={}, conditions=conditions)
    on_disk(tmp_path / "0", record("ours"))
    report, _ = build_report(tmp_path, tmp_path / "report", [ours])
    note = "no record has the key optimizer.rate, which conditions of this table name"
    assert report.sections[0].notes == [note]
    for name in ("report.md", "report.html", "small.tex"):
        content = (tmp_path / "report" / name).read_text()
        for words in ("Printed", "printed HR@10", "{printed}", ">printed<"):
            assert words not in content
    assert note in (tmp_path / "report" / "report.html").read_text()


CONFIG = {"loss": {"rec": {"_target_": "a.B"}, "beta1": None, "beta": 0.05}, "drop": False, "n": 0}


@pytest.mark.parametrize(
    ("key", "wanted", "holds"),
    [
        ("loss.beta", 0.05, True),
        ("loss.beta", 0.1, False),
        ("loss.beta", [0.1, 0.05], True),
        ("loss.beta", {"not": 0}, True),
        ("loss.beta", {"not": [0, 0.05]}, False),
        ("loss.beta1", None, True),
        ("loss.beta1", {"not": 0}, True),
        ("loss.rec", None, False),  # it is a group of keys
        ("loss.rec._target_", "a.B", True),
        ("loss.absent", None, True),  # absent is null
        ("loss.beta.deeper", None, True),
        ("absent.key", 1, False),
        ("drop", False, True),
        ("drop", 0, False),  # in Python they are equal
        ("n", 0.0, True),
        ("n", False, False),
    ],
)
def test_a_condition_holds_or_not(key, wanted, holds):
    assert matches(CONFIG, {key: wanted}) is holds


def test_all_conditions_of_all_parts_must_hold():
    assert matches(CONFIG, {"n": 0}, {"loss.beta": 0.05, "drop": False})
    assert not matches(CONFIG, {"n": 0}, {"loss.beta": 0.05, "drop": True})
