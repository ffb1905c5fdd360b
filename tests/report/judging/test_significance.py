import numpy as np
import pytest
from scipy import stats

from uniseq.errors import DataError
from uniseq.report.judging.significance import compare, gains, holm


def test_gains_of_a_user_by_hand():
    ranks = np.array([1, 3, 10, 11, 12102], dtype=np.int32)  # the last is missed: N + 1
    assert gains(ranks, "HR@10").tolist() == [1, 1, 1, 0, 0]
    assert gains(ranks, "NDCG@10").tolist() == pytest.approx([1, 0.5, 1 / np.log2(11), 0, 0])
    assert gains(ranks, "MRR@3").tolist() == pytest.approx([1, 1 / 3, 0, 0, 0])
    assert gains(ranks, "Recall@10").tolist() == gains(ranks, "HR@10").tolist()
    assert gains(ranks, "MAP@10").tolist() == gains(ranks, "MRR@10").tolist()
    with pytest.raises(DataError, match="RBP@10: a metric of one's own has no gains by user"):
        gains(ranks, "RBP@10")


def test_the_paired_t_test_by_hand():
    # Differences 1, 2, 3: mean 2, standard error 1/√3, t = 2√3 with 2 degrees of freedom.
    found = compare(np.array([1.5, 2.5, 3.5]), np.array([0.5, 0.5, 0.5]))
    t = 2 * 3**0.5
    assert found.test == "paired t"
    assert found.mean == pytest.approx(2)
    # For 2 degrees of freedom p = 1 - t / √(t² + 2) and the 97.5 % quantile is 4.302653.
    assert found.p == pytest.approx(1 - t / (t**2 + 2) ** 0.5)
    assert found.low == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-6)
    assert found.high == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-6)


def test_averages_over_seeds_take_the_t_test_of_scipy():
    generator = np.random.default_rng(0)
    ours, other = generator.integers(0, 4, (2, 200)) / 3  # hits over three seeds
    found = compare(ours, other)
    reference = stats.ttest_rel(ours, other)
    interval = reference.confidence_interval(0.95)
    assert found.test == "paired t"
    assert found.p == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_hits_of_one_run_each_take_the_exact_mcnemar_test():
    # 8 users are hit by ours alone, 2 by the other alone, 5 by both, 5 by none.
    ours = np.array([1] * 8 + [0] * 2 + [1] * 5 + [0] * 5, dtype=float)
    other = np.array([0] * 8 + [1] * 2 + [1] * 5 + [0] * 5, dtype=float)
    found = compare(ours, other)
    assert found.test == "exact McNemar"
    assert found.p == pytest.approx(2 * (1 + 10 + 45) / 2**10)
    assert found.mean == pytest.approx(6 / 20)
    assert compare(other, ours).p == found.p
    # The interval is that of the paired difference: variance (10 - 6²/20) / 19.
    half = stats.t.ppf(0.975, 19) * ((10 - 36 / 20) / 19 / 20) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.3 - half, 0.3 + half))


def test_no_difference_at_all_is_no_evidence():
    same = np.array([1.0, 0.0, 0.5])
    found = compare(same, same)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # ·3, ·1 raised to the one before, ·2
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.9, 0.6], [1.0, 1.0]),
        ([0.001, 0.5, 0.02, 0.01], [0.004, 0.5, 0.04, 0.03]),
    ],
)
def test_holm_by_hand(p, corrected):
    assert holm(p) == pytest.approx(corrected)


def test_holm_rejects_what_the_step_down_procedure_rejects():
    generator = np.random.default_rng(1)
    for _ in range(50):
        p = generator.random(7) ** 3
        rejected, ordered = set(), np.argsort(p)
        for place, i in enumerate(ordered):  # Holm (1979): stop at the first that is too large
            if p[i] > 0.05 / (len(p) - place):
                break
            rejected.add(int(i))
        assert {i for i, value in enumerate(holm(p)) if value <= 0.05} == rejected
