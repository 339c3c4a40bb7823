"""Unit 16 where the proofs don't look: sameness with PyTorch on many shapes, and its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograde.answer_key import namespace
from autograde.unit import load_unit

torch = pytest.importorskip("torch")

from chainrule.attention import widgets  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    return namespace(load_unit(ROOT, "16"))


@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 3), (2, 3, 4, 8), (1, 1, 7, 2)])
def test_attention_equals_pytorchs(names, shape):
    generator = torch.Generator().manual_seed(sum(shape))
    query, key, value = (torch.randn(shape, generator=generator) for _ in range(3))
    mask = names["causal_mask"](shape[-2])
    output, weights = names["scaled_dot_product_attention"](query, key, value, mask)
    theirs = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(output, theirs)
    torch.testing.assert_close(weights.sum(-1), torch.ones(shape[:-1]))


@pytest.mark.parametrize("heads", [1, 2, 6])
def test_many_heads_equal_pytorchs_with_its_mask_turned_round(names, heads):
    torch.manual_seed(heads)
    mine = names["MultiHeadAttention"](12, heads)
    theirs = torch.nn.MultiheadAttention(12, heads, batch_first=True)
    parts = [mine.query, mine.key, mine.value]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(mine.output.state_dict())
    x = torch.randn(3, 5, 12)
    tokens = torch.tensor([[1, 2, 3, 4, 5], [1, 2, 0, 0, 0], [1, 2, 3, 4, 0]])
    output, weights = theirs(x, x, x, key_padding_mask=tokens == 0, average_attn_weights=False)
    torch.testing.assert_close(mine(x, names["padding_mask"](tokens, 0)), output)
    torch.testing.assert_close(mine.weights, weights.detach())


def test_the_sentence_about_a_head_is_read_from_its_weights():
    before = np.eye(6, k=-1)
    before[0, 0] = 1
    said = widgets.said("abcdef", before, head=2)
    assert said.startswith("Head 2 gives 0% of its attention to the letter itself and 100% to")
    assert "The last letter, “f”, looks mostly at “e” at place 4." in said


def test_checks_leave_the_notebooks_random_numbers_alone(names):
    from chainrule.attention import check

    torch.manual_seed(7)
    before = torch.get_rng_state()
    check.TransformerBlock.judge(names["TransformerBlock"])
    assert torch.equal(torch.get_rng_state(), before)
