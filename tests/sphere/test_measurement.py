import json

import pytest
import torch

from tests.ranking.test_lists import flat
from tests.sphere.test_pairs import normal
from uniseq.sphere import alignment, effective_rank, measure, pair_statistics

SEEN = flat([{0, 1}, {2}, {0}, {3, 4}])
TARGETS = torch.tensor([2, 0, 1, 1])


def test_everything_is_there_and_is_plain_json():
    histories, items = normal(4, 3), normal(12, 3, seed=1)
    found = measure(histories, items, 7 * items, TARGETS, *SEEN, k=2)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["dim"] == 3
    assert found["histories"]["vectors"] == 4
    assert found["items"]["vectors"] == 12
    assert found["items"]["uniformity"] == pair_statistics(items).uniformity
    assert found["items"]["cosine"]["mean"] == pair_statistics(items).mean
    assert found["histories"]["effective_rank"] == effective_rank(histories)
    assert found["alignment"] == alignment(histories, items[TARGETS])
    assert found["norms"]["mean"] == pytest.approx(7 * float(items.norm(dim=-1).mean()))
    # Item 0 was had by two users.
    assert found["norms"]["popularity"][-1] == 2
    assert found["lists"]["k"] == 2
    assert found["lists"]["popularity_before"] == pytest.approx((1.5 + 1 + 2 + 1) / 4)


def test_a_collapsed_encoder_is_measured_and_not_refused():
    items = normal(6, 3)
    found = measure(torch.zeros(4, 3), items.float(), items, TARGETS, *SEEN)
    nothing = {"vectors": 4, "zero": 4, "cosine": None, "uniformity": None, "effective_rank": None}
    assert found["histories"] == nothing
    assert found["alignment"] is None
    assert found["items"]["zero"] == 0
    assert found["lists"]["coverage"] == 1  # six items, lists of ten


def test_one_user_and_one_item_have_no_pairs():
    one = torch.ones(1, 2)
    seen = torch.tensor([0])
    found = measure(one, one, one, torch.tensor([0]), seen, seen)
    assert found["histories"]["cosine"] is None
    assert found["histories"]["effective_rank"] == pytest.approx(1, abs=1e-4)
    assert found["alignment"] == 0
    assert found["norms"]["spearman"] is None
    assert found["lists"] is None
