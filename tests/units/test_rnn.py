"""Unit 13's solutions against PyTorch's own, and what its text says of the play and the sun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograde.answer_key import namespace
from autograde.unit import load_unit
from chainrule import data

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    return namespace(load_unit(ROOT, "13"))


@pytest.fixture
def theirs() -> Any:
    torch.manual_seed(0)
    return torch.nn.RNN(3, 5, batch_first=True).double()


def arguments(theirs: Any, batch: int, time: int) -> list[Any]:
    x, h = torch.randn(batch, time, 3).double(), torch.randn(batch, 5).double()
    bias = theirs.bias_ih_l0 + theirs.bias_hh_l0
    return [x, h, theirs.weight_ih_l0.T, theirs.weight_hh_l0.T, bias]


def test_the_recurrent_solution_equals_torchs_layer(names, theirs):
    given = arguments(theirs, 2, 7)
    states, last = names["rnn_forward"](*given)
    expected, final = theirs(given[0], given[1][None])
    assert torch.allclose(states, expected)
    assert torch.allclose(last, final[0])


def test_gradient_norms_are_those_of_small_moves(names, theirs):
    given = [part.detach() for part in arguments(theirs, 1, 6)]
    norms = names["gradient_norms"](*given)
    x, _, *weights = given
    states, _ = names["rnn_forward"](*given)
    for place in range(5):
        slopes = []
        for number in range(5):
            ends = []
            for step in (1e-6, -1e-6):
                moved = states[:, place].clone()
                moved[0, number] += step
                _, last = names["rnn_forward"](x[:, place + 1 :], moved, *weights)
                ends.append(last.sum())
            slopes.append((ends[0] - ends[1]) / 2e-6)
        assert torch.stack(slopes).norm().item() == pytest.approx(norms[place].item(), rel=1e-5)


def test_a_name_without_fill_costs_the_same_alone_and_in_a_batch(names):
    together, targets = names["encode_names"](["bo", "amy", "christopher"])
    logits = torch.randn(3, 12, 27, generator=torch.Generator().manual_seed(1))
    alone = [names["masked_loss"](logits[n : n + 1], targets[n : n + 1]).item() for n in range(3)]
    letters = np.array([3, 4, 12])
    assert together.shape == (3, 12)
    assert names["masked_loss"](logits, targets).item() == pytest.approx(
        float(np.dot(alone, letters) / letters.sum()), rel=1e-5
    )


def test_the_play_has_as_many_characters_as_the_text_says():
    text = data.shakespeare()
    play = text[text.index("ROMEO AND JULIET") : text.index("JULIUS CAESAR")]
    assert len(play) == 141_701
    assert len(set(play)) == 69
    assert "Romeo" in play[-200:]
    source = (ROOT / "solutions" / "13_rnn" / "rnn.py").read_text("utf-8")
    assert "141,701 characters" in source
    assert f"pieces of {(len(play) - 1) // 32:,} characters" in source


def test_persistence_misses_the_sun_by_33_spots():
    sun = data.sunspots()
    tested = sun.years >= 1950
    missed = np.diff(sun.numbers)[tested[1:]]
    assert np.sqrt(np.mean(missed**2)) == pytest.approx(33.2, abs=0.05)
