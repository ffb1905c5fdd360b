import pytest

from uniseq.formatting import change, duration, metric, probability, setting, signed
from uniseq.report.writing.svg import Chart, Line


def test_numbers_as_they_are_written():
    assert [metric(x) for x in (0.07951, 0, 1, 0.99999, -0.002)] == [
        ".0795",
        ".0000",
        "1.0000",
        "1.0000",
        "-.0020",
    ]
    assert [signed(x) for x in (0.0021, -0.0003, 0)] == ["+.0021", "−.0003", "+.0000"]
    changes = [change(a, b) for a, b in ((3, 2), (0.98, 1), (1, 0), (11, 1), (0.08, 0.0004))]
    assert changes == ["+50 %", "−2.0 %", "from 0", "+1000 %", "×200"]
    assert [probability(p) for p in (1, 0.051, 0.0496, 0.0012, 3.2e-5, 9e-7, 0)] == [
        "1.00",
        "0.051",
        "0.0496",
        "0.0012",
        "3·10⁻⁵",
        "< 10⁻⁶",
        "< 10⁻⁶",
    ]
    assert setting({"a.b": 0.05, "c": None, "d": True, "e": 0}) == "a.b=0.05 c=null d=true e=0"
    assert [duration(s) for s in (48.4, 720, 11100)] == ["48 s", "12 min", "3 h 05 min"]


@pytest.mark.parametrize("epochs", [1, 2, 45, 200])
def test_a_chart_keeps_its_points_inside_and_its_axis_round(epochs):
    from xml.etree import ElementTree

    line = Line("a < b & c", range(1, epochs + 1), [0.03] * epochs, 2, dot=0)
    chart = Chart("t", "epoch", "y", [line], 1, epochs)
    root = ElementTree.fromstring(str(chart.svg()))
    texts = [node.text for node in root.iter("text")]
    assert texts[:4] == ["0", ".01", ".02", ".03"]
    path = next(node for node in root.iter("path") if node.get("class") == "line c2")
    assert path.find("title").text == "a < b & c"
    points = [tuple(map(float, point.split())) for point in path.get("d")[1:].split("L")]
    assert len(points) == epochs
    assert all(40 <= x <= 326 and 10 <= y <= 186 for x, y in points)


def test_a_chart_of_zeros_is_drawn():
    chart = Chart("t", "epoch", "y", [Line("a", [1, 2], [0.0, 0.0], 0)], 1, 2)
    assert "<svg" in chart.svg()
