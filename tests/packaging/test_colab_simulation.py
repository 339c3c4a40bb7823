"""The notebooks really run on what Colab has: its Python, its pins, its old ipywidgets.

What the whole of Colab's freeze would make of that installation is in test_colab.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from autograde.build.notebooks import plain_notebook
from autograde.unit import Unit, load_unit
from tests.packaging.colab_machine import Colab, frozen, make_colab
from tests.service.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
WIDGET = "application/vnd.jupyter.widget-view+json"
UNITS = ["00_welcome", "01_neuron"]


def uv(*arguments: str | Path) -> str:
    """Run uv for something it must download. Offline the test is skipped, but not in CI."""
    command = [sys.executable, "-m", "uv", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    offline = ("error sending request", "dns error", "Connect", "timed out", "Network")
    if done.returncode and any(sign in done.stderr for sign in offline) and "CI" not in os.environ:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def new_colab(wheel: Path, pip, tmp_path_factory: pytest.TempPathFactory) -> Colab:
    """A machine as Colab hands it out, without the course."""
    return make_colab(tmp_path_factory.mktemp("colab"), wheel, uv, pip)


@dataclass(frozen=True)
class Opened:
    """The released notebook opened on a new machine, up to its first exercise."""

    colab: Colab
    before: dict[str, str]
    after: dict[str, str]
    notebook: NotebookNode


@pytest.fixture(scope="module")
def opened(new_colab: Colab) -> Opened:
    """Setup and the first cells, and setup once more, as its cell says one may."""
    released = nbformat.read(load_unit(ROOT, "01").released, as_version=4)
    names = [cell.metadata.get("chainrule", {}) for cell in released.cells]
    first = next(i for i, named in enumerate(names) if "exercise" in named)
    setup = next(cell for cell in released.cells if "setup" in cell.metadata.get("tags", []))
    released.cells[first:] = [nbformat.v4.new_code_cell(setup.source)]
    before = new_colab.installed()
    notebook = new_colab.run(released)
    return Opened(new_colab, before, new_colab.installed(), notebook)


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def pictures(cell: NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def test_the_machine_has_colabs_pins(opened):
    others = {n: (v, frozen().get(n)) for n, v in opened.before.items() if v != frozen().get(n)}
    assert others == {}
    assert {"ipykernel", "ipython", "ipywidgets", "matplotlib", "numpy"} <= set(opened.before)


def test_the_setup_cell_installs_the_course_and_changes_nothing_of_colabs(opened):
    assert "chainrule" not in opened.before
    assert opened.before.items() <= opened.after.items()
    added = set(opened.after) - set(opened.before)
    assert "chainrule" in added and added.isdisjoint(frozen())


def test_the_first_cells_of_the_released_notebook_show_a_picture(opened):
    assert sum(map(pictures, opened.notebook.cells)) == 1
    assert [output for output in outputs(opened.notebook) if "stream" in output.output_type] == []


@pytest.fixture(scope="module", params=UNITS)
def solved(request, opened: Opened) -> tuple[Unit, NotebookNode]:
    """A unit, and its solved notebook run from top to bottom on the machine."""
    unit = load_unit(ROOT, request.param)
    return unit, opened.colab.run(plain_notebook(unit))


def test_every_check_of_the_solved_notebook_gives_full_points(solved):
    unit, notebook = solved
    points = {}
    for cell in notebook.cells:
        if name := cell.metadata.get("chainrule", {}).get("check"):
            (result,) = [o for o in cell.outputs if o.output_type == "execute_result"]
            points[name] = float(result.data["text/plain"])
    assert points == {name: e.points for name, e in unit.declaration.exercises.items()}


def test_every_picture_is_there_and_every_widget_has_a_still_one(solved):
    unit, notebook = solved
    here = nbformat.read(unit.solved, as_version=4)
    assert [pictures(cell) for cell in notebook.cells] == [pictures(cell) for cell in here.cells]
    assert sum(map(pictures, notebook.cells)) > 0
    live = [output.data for output in outputs(notebook) if WIDGET in output.get("data", {})]
    assert all({"text/html", "text/plain"} <= set(data) for data in live)
    shows = [data for data in live if not data["text/plain"].startswith("To hand in")]  # a form
    assert all("image/png" in data for data in shows)
    assert shows or unit.name.number != "01"


def test_no_cell_complains(solved):
    said = [o.text for o in outputs(solved[1]) if o.get("name") == "stderr"]
    assert said == []


# --- the learner -----------------------------------------------------------------------------

WRONG = "def weighted_sum(inputs, weights, bias):\n    return np.sum(inputs * weights)"
RIGHT = WRONG + " + bias"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("service") / "class")
    running.token("ada")
    yield running.start()
    assert running.stop() == 0, running.log()[-2000:]


def test_a_learner_fails_takes_a_hint_mends_it_and_hands_in(opened, service):
    released = nbformat.read(load_unit(ROOT, "01").released, as_version=4)
    with opened.colab.session(released) as session:
        session.run_to("weighted_sum")
        assert "weighted_sum is not written yet" in session.check("weighted_sum")
        session.write("weighted_sum", WRONG)
        assert "The bias never reaches the result" in session.check("weighted_sum")
        assert "Hint 1 of 3" in session.run("check.weighted_sum.hint()")
        session.write("weighted_sum", RIGHT)
        assert "weighted_sum is right: 2 of 2 points" in session.check("weighted_sum")
        table = session.run("from chainrule.progress import progress\nprogress()")
        assert "01_neuron" in table

        said = session.hand_in({"Folder or address": service.url, "Your token": "no-such-token"})
        assert said.startswith("Not handed in:") and "token" in said
        said = session.hand_in({"Your token": service.token("ada")})
        assert "Handed in 01_neuron as ada: attempt 1" in said
        assert "Passed by your own checks:" in said

    service.wait_until_graded("ada")
    (attempt,) = service.attempts("ada")
    assert attempt["state"] == "graded" and attempt["so_far"] == 2
    with service.client("ada") as client:
        sent = client.get("/api/units/01_neuron/attempts/1/notebook").text
        feedback = client.get("/api/units/01_neuron/attempts/1/feedback").text
    assert json.loads(sent)["cells"] == json.loads(opened.colab.page.read_text())["cells"]
    assert "Your points" in feedback
