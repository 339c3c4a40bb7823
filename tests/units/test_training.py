"""Unit 05's optional parts, run from the notebook's own cells, and the monitor they share."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograde.answer_key import namespace
from autograde.unit import Unit, load_unit
from chainrule import data, train

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load_unit(ROOT, "05")


@pytest.fixture
def names(unit: Unit, tmp_path: Path) -> dict[str, Any]:
    """The solved notebook's names before its optional parts, with 512 pictures instead of all."""
    from torch.utils.data import DataLoader

    names = namespace(unit)
    clothes = data.fashion_mnist()
    clothes = clothes._replace(
        x_train=clothes.x_train[:512],
        y_train=clothes.y_train[:512],
        x_test=clothes.x_test[:200],
        y_test=clothes.y_test[:200],
    )
    train_set = names["FashionDataset"](clothes.x_train, clothes.y_train)
    test_set = names["FashionDataset"](clothes.x_test, clothes.y_test)
    names |= {
        "importlib": importlib,
        "clothes": clothes,
        "device": "cpu",
        "train_set": train_set,
        "first_ten_thousand": train_set,
        "test_set": test_set,
        "test_loader": DataLoader(test_set, batch_size=64),
        "test_images": torch.stack([picture for picture, _ in test_set]),
        "folder": tmp_path,
    }
    run(unit, names, "def fresh_run")
    return names


def run(
    unit: Unit, names: dict[str, Any], containing: str, changes: dict[str, str] | None = None
) -> str:
    """Run the one cell that contains a text, with changes to it; what it printed."""
    (source,) = [
        cell.source
        for cell in unit.notebook.cells
        if cell.cell_type == "code" and containing in cell.source
    ]
    for old, new in (changes or {}).items():
        assert old in source
        source = source.replace(old, new)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, containing, "exec"), names)
    return printed.getvalue()


def test_tensorboard_reads_back_what_was_written(unit, names, tmp_path):
    said = run(unit, names, "SummaryWriter")
    files = list(tmp_path.rglob("events.out.tfevents.*"))
    assert len(files) == 1
    for name in ("train_loss", "test_loss", "test_accuracy"):
        assert re.search(rf"^{name}: epoch 1: \d\.\d{{3}} epoch 2: \d\.\d{{3}}$", said, re.M)
    assert f"train_loss: epoch 1: {names['logged']['train_loss'][0]:.3f}" in said


def test_keras_learns_the_same_from_the_same_start(unit, names, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # without it, Keras looks for TensorFlow
    run(unit, names, "import keras")
    yours, theirs = names["your_history"], names["their_history"].history
    np.testing.assert_allclose(theirs["loss"], yours["train_loss"], rtol=5e-3)
    assert abs(names["their_accuracy"] - names["your_accuracy"]) < 0.02


def test_with_sgd_keras_and_pytorch_agree_to_five_decimals(unit, names, monkeypatch):
    """What the notebook says below that cell, tried as it says."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    changes = {
        "keras.optimizers.Adam(2e-3, epsilon=1e-8)": "keras.optimizers.SGD(0.05)",
        "yours, optimizer, _ = fresh_run(seed=3)": (
            "yours, _, _ = fresh_run(seed=3)\n"
            "    optimizer = torch.optim.SGD(yours.parameters(), lr=0.05)"
        ),
    }
    run(unit, names, "import keras", changes)
    yours, theirs = names["your_history"], names["their_history"].history
    np.testing.assert_allclose(theirs["loss"], yours["train_loss"], atol=5e-6, rtol=0)


@pytest.mark.parametrize(
    ("missing", "cell"), [("tensorboard", "SummaryWriter"), ("keras", "import keras")]
)
def test_an_optional_part_is_skipped_with_a_sentence(unit, names, monkeypatch, missing, cell):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == missing else find(name)
    )
    said = run(unit, names, cell)
    assert said.strip().endswith(f"is skipped: pip install {missing}")


def test_the_progress_line_says_rate_and_time_left():
    line = train.progress_line(done=3, total=9, examples=10_000, seconds=2.0)
    assert line == "epoch 3 of 9, about 15,000 examples/s, about 4 s left"
    last = train.progress_line(done=9, total=9, examples=10_000, seconds=6.0)
    assert last == "9 epochs in 6.0 s, about 15,000 examples/s"
    steps = train.progress_line(done=250, total=1000, examples=8, seconds=2.0, counted="step")
    assert steps == "step 250 of 1,000, about 1,000 examples/s, about 6 s left"
    assert train.progress_line(0, 1000, 8, 0.1, "step") == "step 0 of 1,000"


def test_live_curves_print_a_line_outside_a_notebook(capsys):
    live = train.LiveCurves(epochs=2, examples=100)
    history = {"train_loss": [2.0], "test_loss": [1.9], "test_accuracy": [0.5]}
    live(history)
    for values in history.values():
        values.append(values[-1] / 2)
    live(history)
    said = capsys.readouterr().out
    assert "epoch 1 of 2" in said and "2 epochs in" in said
    assert "training loss went from 2.00 to 1.00" in said


def test_live_curves_of_steps_are_drawn_beside_what_they_are_compared_with(capsys):
    live = train.LiveCurves(steps=400, examples=8, levels={"table of pairs": 2.5})
    history = {"step": [0, 200, 400], "test_loss": [4.0, 3.0, 2.0]}
    live(history)
    said = capsys.readouterr().out
    assert "400 steps in" in said and "Flat lines to compare with: table of pairs at 2.50." in said
    figure = train.curves(history, 400, "step", live.levels)
    (ax,) = figure.axes
    curve, level = ax.lines
    assert list(curve.get_xdata()) == [0, 200, 400] and set(level.get_ydata()) == {2.5}
    assert ax.get_xlabel() == "step"


def test_live_curves_need_to_know_how_many_there_will_be():
    with pytest.raises(ValueError, match="either epochs or steps"):
        train.LiveCurves(examples=8)


def test_checks_leave_the_notebooks_random_numbers_alone(unit):
    from chainrule.training import check

    work = namespace(unit)["Classifier"]
    torch.manual_seed(7)
    threads, before = torch.get_num_threads(), torch.get_rng_state()
    check.Classifier.judge(work)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
