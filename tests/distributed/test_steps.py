"""Two processes take the very steps of one: losses, gradients and ranks."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.distributed.cases import CASES, STEPS, WORLD, results
from tests.losses.cases import relative_error
from tests.training.test_module import recommender, training_batch
from uniseq.distributed import Share
from uniseq.training.module import SequentialRecommender

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What each of two processes finds in all cases."""
    folder = tmp_path_factory.mktemp("shared")
    command = [sys.executable, "-m", "tests.distributed.cases"]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(folder)], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for rank in range(WORLD)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(WORLD)]


def alone(case):
    return results(case, None, lambda model: model)


@pytest.mark.parametrize("case", CASES)
def test_steps_of_two_processes_are_those_of_one(shared, case):
    expected = alone(case)
    assert len(expected["losses"]) == STEPS
    for found in (process[case] for process in shared):
        for step in range(STEPS):
            assert found["losses"][step].item() == pytest.approx(
                expected["losses"][step].item(), rel=1e-5
            )
            for name, gradient in expected["gradients"][step].items():
                assert gradient.norm() > 0, name
                assert relative_error(found["gradients"][step][name], gradient) < 1e-5, name
        assert found["terms"] == pytest.approx(expected["terms"], rel=1e-5)


def test_the_cases_have_uneven_shares_and_none(shared):
    sizes = {case: [found[case]["sizes"] for found in shared] for case in CASES}
    assert all(one == other for one, other in sizes.values())
    assert sizes["separate"][0] == [(7, 7)] * 4 + [(0, 1)]
    assert any(0 not in part and part[0] != part[1] for part in sizes["sequences"][0])
    assert any(0 in part for part in sizes["single_sequences"][0])


@pytest.mark.parametrize("case", ["separate", "sequences"])
def test_each_user_is_ranked_once_and_stands_in_the_order_of_one_process(shared, case):
    expected = alone(case)
    assert expected["ranks"].shape == (16, 2)
    for found in (process[case] for process in shared):
        assert torch.equal(found["ranks"], expected["ranks"])
        assert found["figures"] == expected["figures"]


def test_shares_are_equal_stretches_in_order():
    for count in range(9):
        parts = [Share(rank, 3) for rank in range(3)]
        taken = [list(range(count))[part.of(count)] for part in parts]
        sums = parts[0].sums(torch.ones(count).numpy())
        # Where nothing falls to a process the first row stands in.
        real = [rows if size else [] for rows, size in zip(taken, sums, strict=True)]
        assert [row for rows in real for row in rows] == list(range(count))
        assert max(sums) - min(sums) <= 1
        assert all(rows for rows in taken) or count == 0


def test_dropout_differs_by_process_and_that_of_the_first_is_one_process_s(monkeypatch):
    def drawn(rank):
        monkeypatch.setattr(SequentialRecommender, "global_rank", rank)
        recommender(seed=3).on_train_batch_start(training_batch(True), 0)
        return torch.rand(4).tolist()

    monkeypatch.setattr(SequentialRecommender, "current_epoch", 2)
    recommender(seed=3).on_train_batch_start(training_batch(True), 0)
    single = torch.rand(4).tolist()
    assert drawn(0) == single
    assert len({tuple(drawn(rank)) for rank in range(4)}) == 4
