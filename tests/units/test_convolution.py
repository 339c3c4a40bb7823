"""Unit 09's painted kernel, and the parts of its notebook that are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograde.answer_key import namespace
from autograde.unit import load_unit

torch = pytest.importorskip("torch")

from chainrule.convolution import widgets  # noqa: E402

ROOT = Path(__file__).parents[2]
LEFT = widgets.KERNELS["brighter on the right"]


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    return namespace(load_unit(ROOT, "09"))


@pytest.fixture
def fields() -> widgets.Fields:
    return widgets.Fields("Kernel", widgets.KERNELS, LEFT)


def test_choosing_a_ready_kernel_fills_all_nine_fields_and_tells_once(fields):
    told = []
    fields.observe(lambda change: told.append(change["new"]), names="value")
    fields._ready.value = "sharpen"
    assert [field.value for field in fields._numbers] == [0, -1, 0, -1, 5, -1, 0, -1, 0]
    assert told == [widgets.KERNELS["sharpen"]]


def test_changing_a_number_makes_the_kernel_ones_own(fields):
    fields._numbers[4].value = 7
    assert fields.value == ((-1, 0, 1), (-1, 7, 1), (-1, 0, 1))
    assert fields._ready.value == "my own"
    fields._numbers[4].value = 0
    assert fields.value == LEFT
    assert fields._ready.value == "brighter on the right"


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [(1, 1), (2, 3), (4, 2)])
def test_im2col_writes_windows_as_torch_does(names, window, stride):
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 7))
    rows = names["im2col"](x, *window, stride)
    theirs = torch.nn.functional.unfold(torch.tensor(x), window, stride=stride)
    assert np.array_equal(rows.reshape(2, -1, rows.shape[-1]), theirs.transpose(1, 2).numpy())


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 2)])
def test_the_solution_agrees_with_torch_forward_and_back(names, stride, padding):
    rng = np.random.default_rng(1)
    arrays = rng.normal(size=(3, 2, 9, 8)), rng.normal(size=(4, 2, 3, 2)), rng.normal(size=4)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    theirs = torch.nn.functional.conv2d(*tensors, stride=stride, padding=padding)
    assert np.allclose(names["conv2d"](*arrays, stride, padding), theirs.detach().numpy())
    grad = rng.normal(size=theirs.shape)
    theirs.backward(torch.tensor(grad))
    found = names["conv2d_backward"](grad, *arrays[:2], stride, padding)
    for mine, tensor in zip(found, tensors, strict=True):
        assert np.allclose(mine, tensor.grad.numpy())


def test_the_solutions_pooling_agrees_with_torch(names):
    x = np.random.default_rng(2).normal(size=(2, 3, 11, 7))
    for size in (1, 2, 3):
        theirs = torch.nn.functional.max_pool2d(torch.tensor(x), size).numpy()
        assert np.array_equal(names["max_pool2d"](x, size), theirs)
