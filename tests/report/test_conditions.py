import pytest

from uniseq.report.conditions import matches

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
