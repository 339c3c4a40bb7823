"""Unit 17 where the proofs don't look: the whole model with its cache, and any text there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograde.answer_key import namespace
from autograde.unit import load_unit

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
NAMES: dict[str, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def names() -> dict[str, Any]:
    NAMES.update(namespace(load_unit(ROOT, "17")))
    return NAMES


def a_model(names: dict[str, Any]) -> Any:
    """A small model whose weights are large enough that every token counts."""
    torch.manual_seed(0)
    model = names["GPT"](11, 16, layers=3, heads=2, width=12).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("length", [1, 2, 9])
@pytest.mark.parametrize("filters", [{}, {"temperature": 0.7, "top_k": 5}, {"top_p": 0.8}])
def test_with_a_cache_the_text_is_the_same(names, length, filters):
    model = a_model(names)
    prompt = torch.randint(11, (1, length))
    draws = torch.rand(16 - length).tolist()
    plain = names["generate"](model, prompt, draws, **filters)
    assert torch.equal(names["generate_cached"](model, prompt, draws, **filters), plain)
    assert plain.shape == (1, 16)


def test_with_caches_the_logits_are_those_of_the_whole_text(names):
    model = a_model(names)
    text = torch.randint(11, (2, 10))
    caches = [names["KVCache"]() for _ in model.blocks]
    parts = [model(piece, caches) for piece in text.split([4, 1, 3, 2], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(text))


def test_no_place_can_see_what_comes_after_it(names):
    model = a_model(names)
    text = torch.randint(10, (1, 8))
    changed = text.clone()
    changed[0, 5] = 10
    same = (model(text) == model(changed)).all(dim=2)[0]
    assert same.tolist() == [True] * 5 + [False] * 3


WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3, "größe": 4, "naïve": 2}


@given(text=st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_survives_encoding_and_decoding(text):
    text = text.encode("utf-8", "ignore").decode()  # half a surrogate pair is no text
    merges = NAMES["train_bpe"](WORDS, 8)
    assert NAMES["decode"](NAMES["encode"](text, merges), merges) == text


@given(
    logits=st.lists(st.floats(-8, 8), min_size=2, max_size=12, unique=True),
    top_p=st.floats(0.01, 1),
)
@settings(max_examples=60, deadline=None)
def test_top_p_keeps_the_fewest_that_reach_it(logits, top_p):
    given_logits = torch.tensor(logits, dtype=torch.float64)
    kept = NAMES["filter_logits"](given_logits, top_p=top_p).isfinite()
    shares = given_logits.softmax(0)
    assert kept.any()
    assert shares[kept].sum() >= top_p - 1e-9
    assert shares[kept].sum() - shares[kept].min() < top_p + 1e-9
    if not kept.all():
        assert shares[~kept].max() <= shares[kept].min() + 1e-12


def test_checks_leave_the_notebooks_random_numbers_alone(names):
    from chainrule.gpt import check

    torch.manual_seed(7)
    before = torch.get_rng_state()
    check.GPT.judge(names["GPT"])
    assert torch.equal(torch.get_rng_state(), before)
