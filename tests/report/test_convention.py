"""Which ranking a paper's numbers are of, told from its ratio of NDCG to HR."""

import pytest

from tests.report.cases import on_disk, record, table
from uniseq.report.build import build_report
from uniseq.report.convention import told

MASKED, UNMASKED = (0.4, 0.24), (0.3, 0.12)  # NDCG / HR: .6 and .4
TEST = {
    f"{side}/{metric}": value
    for side, pair in (("masked", MASKED), ("unmasked", UNMASKED))
    for metric, value in zip(("HR@10", "NDCG@10"), pair, strict=True)
}


@pytest.mark.parametrize(
    ("history", "ratios"),
    [
        ("unmasked", (None, None, 0.3 / 0.32, 0.12 / 0.13)),
        ("masked", (0.4 / 0.32, 0.24 / 0.13, None, None)),
        (None, (0.4 / 0.32, 0.24 / 0.13, 0.3 / 0.32, 0.12 / 0.13)),
    ],
)
def test_a_printed_number_has_a_ratio_under_its_own_convention_alone(tmp_path, history, ratios):
    content = record("ours")
    content.test = TEST
    on_disk(tmp_path / "0", content)
    ours = table(printed={"one": {"net": {"ours": [0.32, 0.13]}}}, printed_history=history)
    report, _ = build_report(tmp_path, tmp_path / "report", [ours])
    means = report.sections[0].cells["one", "net", "ours"].means
    assert [means[name].ratio for name in TEST] == [
        each if each is None else pytest.approx(each) for each in ratios
    ]


def test_the_rows_whose_ratio_is_nearer_to_the_convention_are_counted(tmp_path):
    # NDCG / HR of .41 and .45 is nearer to .4, of .55 to .6; a run that was cut off says nothing.
    printed = {"ours": [0.32, 0.13], "base": [0.2, 0.09], "other": [0.2, 0.11], "cut": [0.2, 0.08]}
    rows = table().model_dump()["rows"]
    rows["cut"] = {"label": "Cut", "conditions": {"loss.kind": "cut"}}
    for row in rows:
        content = record(row)
        content.test = TEST
        if row == "cut":
            content.stopped = "cap of 3 epochs reached"
        on_disk(tmp_path / row, content)
    ours = table(rows=rows, printed={"one": {"net": printed}}, printed_history="unmasked")
    report, _ = build_report(tmp_path, tmp_path / "report", [ours])
    text = told(report.sections[0])
    assert "in 2 of 3 rows of Net that were run" in text
    assert "compared with the unmasked figures alone" in text
    assert "There Ours, β is at ×0.92 to ×0.94 with Net of the print" in text
    for name in ("report.md", "report.html"):
        assert "in 2 of 3 rows of Net that were run" in (tmp_path / "report" / name).read_text()
    both = ours.model_copy(update={"printed_history": None})
    assert told(build_report(tmp_path, tmp_path / "report", [both])[0].sections[0]) is None
