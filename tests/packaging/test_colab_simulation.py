"""The notebooks really run on what Colab has: its Python, its pins, its old ipywidgets.

An environment with Colab's pins stands for one Colab machine. The setup cell installs the course
there from the wheel of this repository, because no published `chainrule` is to be met by a test.
What the whole of Colab's freeze would make of that installation is in test_colab.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from packaging.utils import canonicalize_name

from autograde.build.notebooks import plain_notebook
from autograde.unit import Unit, load_unit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
FREEZE = Path(__file__).with_name("colab-pip-freeze.txt")
# What a notebook kernel and the course ask for; what these ask for in turn is pinned as well.
PACKAGES = "ipykernel ipython ipywidgets jupyter_client matplotlib msgpack numpy".split()
PACKAGES += "pip pooch rich tqdm traitlets typer".split()
CELL_SECONDS = 300
WIDGET = "application/vnd.jupyter.widget-view+json"
UNITS = ["00_welcome", "01_neuron"]


def colab_python() -> str:
    """Colab's Python 3.13 if this machine has it; otherwise the one that runs the tests."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [shutil.which("python3.13"), *Path.home().glob(".pyenv/versions/3.13.*/bin/python")]
    for python in map(str, filter(None, found)):
        command = [python, "-c", "import sys; print(sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.stdout.strip() == "(3, 13)":
            return python
    said = f"Python 3.13, which Colab has, is not here: its pins are tried on Python {here}."
    warnings.warn(said, stacklevel=1)
    return sys.executable


def uv(*arguments: str | Path) -> str:
    """Run uv for something it must download. Offline the test is skipped, but not in CI."""
    command = [sys.executable, "-m", "uv", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    offline = ("error sending request", "dns error", "Connect", "timed out", "Network")
    if done.returncode and any(sign in done.stderr for sign in offline) and "CI" not in os.environ:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return done.stdout


def frozen() -> dict[str, str]:
    """Colab's packages: canonical name -> version."""
    lines = [line for line in FREEZE.read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): pin for name, pin in (line.split("==") for line in lines)}


@dataclass(frozen=True)
class Colab:
    """A machine of Colab's: its Python, and where its notebooks lie."""

    python: Path
    folder: Path
    wheels: Path

    def installed(self) -> dict[str, str]:
        command = [self.python, "-m", "pip", "list", "--format=json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return {canonicalize_name(one["name"]): one["version"] for one in json.loads(done.stdout)}

    def run(self, notebook: NotebookNode) -> NotebookNode:
        """The notebook with its outputs. Raises CellExecutionError when a cell fails."""
        specs = KernelSpecManager(kernel_dirs=[str(self.folder / "kernels")])
        kernel = AsyncKernelManager(kernel_name="colab", kernel_spec_manager=specs)
        resources = {"metadata": {"path": str(self.folder / "content")}}
        client = NotebookClient(notebook, km=kernel, timeout=CELL_SECONDS, resources=resources)
        return client.execute(cleanup_kc=True)

    def make_kernel(self) -> None:
        """A kernel that knows of this machine only, and finds the course among the wheels."""
        kernel = {
            "argv": [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
            "env": {
                "COLAB_RELEASE_TAG": "release-colab-external",
                "HOME": str(self.folder),
                "IPYTHONDIR": str(self.folder / "ipython"),
                "PIP_FIND_LINKS": str(self.wheels),
                "PIP_NO_INDEX": "1",
                "PYTHONNOUSERSITE": "1",
                "PYTHONPATH": "",
            },
        }
        (self.folder / "content").mkdir()
        (self.folder / "kernels" / "colab").mkdir(parents=True)
        (self.folder / "kernels" / "colab" / "kernel.json").write_text(json.dumps(kernel))


@pytest.fixture(scope="module")
def new_colab(wheel: Path, pip, tmp_path_factory: pytest.TempPathFactory) -> Colab:
    """A machine as Colab hands it out, without the course."""
    folder = tmp_path_factory.mktemp("colab")
    python = folder / "venv" / "bin" / "python"
    uv("venv", "-q", "--python", colab_python(), folder / "venv")
    uv("pip", "install", "-q", "--python", python, "-c", FREEZE, *PACKAGES)
    colab = Colab(python, folder, folder / "wheels")
    colab.wheels.mkdir()
    shutil.copy(wheel, colab.wheels)
    # Colab leaves out what it does not need though a package asks for it (jedi); pip adds it then.
    for name, version in colab.installed().items():
        if name not in frozen():
            requirement = f"{name}=={version}"
            pip(["download", "-q", "--no-deps", "-d", str(colab.wheels), requirement])
            uv("pip", "uninstall", "-q", "--python", python, name)
    (site,) = folder.glob("venv/lib/python*/site-packages")
    (site / "google" / "colab").mkdir(parents=True)
    (site / "google" / "colab" / "__init__.py").touch()
    (site / "google_colab.pth").write_text("import google.colab\n")  # there it is always imported
    colab.make_kernel()
    return colab


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
