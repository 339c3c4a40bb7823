"""How the checks of unit 17 drive what the learner wrote.

Text is made of whole numbers here, models are tiny, and every random draw comes from the case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from chainrule.attention.probes import (
    Arrays,
    ChangedInput,
    Told,
    fill,
    gradients,
    shapes_of,
    unchanged,
)
from chainrule.observe import named
from chainrule.steady import tensor
from chainrule.training.probes import steadily

Function = Callable[..., Any]
Works = Mapping[str, Function]


@steadily
def get_batch(
    work: Function,
    tokens: np.ndarray,
    block_size: int,
    batch_size: int,
    seed: int,
    looks_at: str,
) -> dict[str, Any]:
    """Many batches from one generator; for one of the laws, all of them a second time."""

    def draw() -> list[Any]:
        generator = torch.Generator().manual_seed(seed)
        text = tensor(tokens)
        rounds = 60 if looks_at == "every place" else 5
        return [plain(work(text, block_size, batch_size, generator)) for _ in range(rounds)]

    seen = {"batches": draw()}
    if looks_at == "repeatable":
        seen["again"] = draw()
    return seen


def plain(batch: Any) -> Any:
    """A batch by name, as arrays: a law reads plain numbers."""
    batch = named(batch, ["x", "y"])
    return {
        name: np.array(part.detach()) if isinstance(part, torch.Tensor) else part
        for name, part in batch.items()
    }


# --- GPT -----------------------------------------------------------------------------------------


class _Prefilled:
    """What one block's cache holds after some tokens, as the case gives it."""

    def __init__(self, key: np.ndarray, value: np.ndarray) -> None:
        self.held = tensor(key), tensor(value)

    def __len__(self) -> int:
        return self.held[0].shape[2]

    def append(self, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        pairs = zip(self.held, (key, value), strict=True)
        return tuple(torch.cat([old, new], dim=2) for old, new in pairs)


@steadily
def GPT(
    work: Function,
    sizes: list[int],
    weights: Arrays,
    tokens: np.ndarray,
    looks_at: str,
    caches: list[list[np.ndarray]] | None = None,
    dropout: float = 0.0,
) -> dict[str, Any]:
    """The layers, the first loss, the logits or the gradients of the learner's model.

    sizes: vocabulary, block_size, layers, heads, width.
    """
    torch.default_generator.manual_seed(int(tokens.sum()))
    model = work(*sizes, dropout=dropout) if dropout else work(*sizes)
    if looks_at == "dropout":
        return {"dropout of each block": [block.dropout.p for block in model.blocks]}
    if looks_at == "layers":
        return {"shape of each parameter": shapes_of(model), "block_size": model.block_size}
    given = tensor(tokens)
    if looks_at == "first loss":
        with torch.no_grad():
            logits = model(given[:, :-1])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), given[:, 1:].flatten())
        away = float(loss) - np.log(sizes[0])
        return {"first loss minus ln(vocabulary)": round(away, 1) + 0.0}  # no minus zero
    fill(model, weights)
    if caches is not None:
        return {"logits": model(given, [_Prefilled(*held) for held in caches])}
    logits = model(given)
    return gradients(model, logits) if looks_at == "gradients" else {"logits": logits}


# --- choosing and writing ------------------------------------------------------------------------


@steadily
def filter_logits(work: Function, logits: np.ndarray, **settings: float) -> dict[str, Any]:
    """Which tokens stay, the filtered logits, and what became of those that were given."""
    given = tensor(logits)
    filtered = work(given, **settings)
    if not isinstance(filtered, torch.Tensor):
        return {"returned": filtered, "wanted": "a tensor of logits"}
    stay = torch.nonzero(filtered.flatten() > -torch.inf).flatten().tolist()
    unchanged("the logits", tensor(logits), given)
    return {"tokens that stay": stay, "filtered": filtered}


class _Echoing(nn.Module):
    """A model whose logits depend on all tokens that it sees and on their places.

    It notes how many tokens it was given, and whether gradients were recorded.
    """

    def __init__(self, table: np.ndarray, places: int) -> None:
        super().__init__()
        self.block_size = places
        self.table = nn.Parameter(tensor(table))  # (vocabulary, vocabulary)
        self.blocks = [None, None]
        self.given: list[int] = []
        self.recorded: list[bool] = []

    def forward(self, tokens: torch.Tensor, caches: Any = None) -> torch.Tensor:
        self.given.append(tokens.shape[1])
        self.recorded.append(torch.is_grad_enabled())
        start = 0 if caches is None else len(caches[0])
        if start + tokens.shape[1] > self.block_size:
            raise IndexError(
                f"the model was given {start + tokens.shape[1]} tokens; its block_size is "
                f"{self.block_size}"
            )
        places = torch.arange(start, start + tokens.shape[1])
        rows = self.table[tokens] * torch.cos(places)[:, None]  # (batch, length, vocabulary)
        if caches is None:
            return rows.cumsum(dim=1)
        for cache in caches:
            key, value = cache.append(rows[:, None], 0.5 * rows[:, None])
        before = (key + value)[:, 0].cumsum(dim=1) / 1.5
        return before[:, -tokens.shape[1] :]


@steadily
def generate(
    work: Works,
    looks_at: str,
    draws: np.ndarray,
    logits: np.ndarray | None = None,
    table: np.ndarray | None = None,
    tokens: np.ndarray | None = None,
    block_size: int = 0,
    settings: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """pick with each draw, or generate from a small model."""
    if logits is not None:
        picked = [work["pick"](tensor(logits), float(draw)) for draw in draws]
        return {"picked": [int(token) for token in picked]}
    assert table is not None and tokens is not None
    model = _Echoing(table, block_size)
    text = work["generate"](model, tensor(tokens), tensor(draws), **(settings or {}))
    seen: dict[str, Any] = {"text": text}
    if looks_at == "gradients":
        seen["passes that kept a graph"] = sum(model.recorded)
    return seen


@steadily
def KVCache(
    work: Works,
    looks_at: str,
    parts: list[list[np.ndarray]] | None = None,
    table: np.ndarray | None = None,
    tokens: np.ndarray | None = None,
    draws: np.ndarray | None = None,
    block_size: int = 0,
    settings: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """What a cache hands back, piece by piece, or a text written with caches."""
    if parts is not None:
        cache = work["KVCache"]()
        lengths, returned = [len(cache)], []
        for key, value in parts:
            returned.append(named(cache.append(tensor(key), tensor(value)), ["key", "value"]))
            lengths.append(len(cache))
        return {"len": lengths} if looks_at == "len" else {"returned": returned}
    assert table is not None and tokens is not None and draws is not None
    model = _Echoing(table, block_size)
    text = work["generate_cached"](model, tensor(tokens), tensor(draws), **(settings or {}))
    seen: dict[str, Any] = {"text": text}
    if looks_at == "given":
        seen["tokens read in each pass"] = model.given
    if looks_at == "gradients":
        seen["passes that kept a graph"] = sum(model.recorded)
    return seen


# --- byte-pair encoding --------------------------------------------------------------------------

CHANGED_TOKENS = (
    "your function changes the list of tokens that it was given, which its caller still needs. "
    "Build a new list."
)


def train_bpe(
    work: Works,
    looks_at: str,
    tokens: list[int] | None = None,
    pair: list[int] | None = None,
    counts: dict[str, int] | None = None,
    number: int = 0,
) -> dict[str, Any]:
    """merge of one pair in a list of tokens, or the first merges that words give."""
    if looks_at == "merge":
        assert tokens is not None and pair is not None
        given = list(tokens)
        merged = work["merge"](given, tuple(pair), number)
        if given != tokens:
            raise ChangedInput(CHANGED_TOKENS)
        return {"merged": list(merged) if isinstance(merged, tuple) else merged}
    assert counts is not None
    learned = work["train_bpe"](dict(counts), number)
    if isinstance(learned, list) and any(isinstance(found, list) for found in learned):
        raise Told("your pairs are lists; tuples are asked for.")
    if not isinstance(learned, (list, tuple)):
        return {"returned": learned, "wanted": "a list of pairs"}
    return {"merges": [list(found) for found in learned]}


def encode(work: Works, looks_at: str, merges: list[list[int]], given: Any) -> dict[str, Any]:
    """The tokens of a text, the text of tokens, or both ways."""
    pairs = [(first, second) for first, second in merges]
    if looks_at == "encode":
        return {"tokens": work["encode"](given, pairs)}
    if looks_at == "decode":
        tokens = list(given)
        text = work["decode"](tokens, pairs)
        if tokens != list(given):
            raise ChangedInput(CHANGED_TOKENS)
        return {"text": text}
    there = list(work["encode"](given, pairs))
    return {"how many tokens": len(there), "there and back": work["decode"](there, pairs)}
