"""A machine as Colab hands it out: its Python, its pins, its old ipywidgets, without the course.

An environment with Colab's pins stands for the machine. The setup cell installs the course there
from the wheel of this repository, because no published `chainrule` is to be met by a test. In
place of `google.colab` there is what the course uses of it: the call that has the page send the
notebook, which here reads a file that stands for the page.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from packaging.utils import canonicalize_name

Run = Callable[..., object]  # runs uv or pip with its arguments

FREEZE = Path(__file__).with_name("colab-pip-freeze.txt")
# What a notebook kernel and the course ask for; what these ask for in turn is pinned as well.
PACKAGES = "ipykernel ipython ipywidgets jupyter_client matplotlib msgpack numpy".split()
PACKAGES += "pip pooch rich tqdm traitlets typer".split()
CELL_SECONDS = 300
PAGE = '''"""Stands in for Colab's page: sends the notebook that the file beside HOME holds."""

import json
import os


def blocking_request(kind, request="", timeout_sec=None):
    assert kind == "get_ipynb"
    with open(os.path.join(os.environ["HOME"], "page.ipynb")) as file:
        return {"ipynb": json.load(file)}
'''


def colab_python() -> str:
    """Colab's Python 3.13 if this machine has it; otherwise the one that runs this."""
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


def frozen() -> dict[str, str]:
    """Colab's packages: canonical name -> version."""
    lines = [line for line in FREEZE.read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): pin for name, pin in (line.split("==") for line in lines)}


@dataclass(frozen=True)
class Colab:
    """A machine of Colab's: its Python, where its notebooks lie, and the wheels it can install."""

    python: Path
    folder: Path
    wheels: Path

    @property
    def page(self) -> Path:
        """The file that stands for the notebook as the page in the browser has it."""
        return self.folder / "page.ipynb"

    def installed(self) -> dict[str, str]:
        command = [self.python, "-m", "pip", "list", "--format=json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return {canonicalize_name(one["name"]): one["version"] for one in json.loads(done.stdout)}

    def client(self, notebook: NotebookNode) -> NotebookClient:
        specs = KernelSpecManager(kernel_dirs=[str(self.folder / "kernels")])
        kernel = AsyncKernelManager(kernel_name="colab", kernel_spec_manager=specs)
        resources = {"metadata": {"path": str(self.folder / "content")}}
        return NotebookClient(notebook, km=kernel, timeout=CELL_SECONDS, resources=resources)

    @contextmanager
    def session(self, notebook: NotebookNode) -> Iterator[Session]:
        """A learner at the notebook: one kernel, cells run in any order."""
        client = self.client(notebook)
        client.allow_errors = True
        client.reset_execution_trackers()
        with client.setup_kernel():
            yield Session(self, client)

    def run(self, notebook: NotebookNode) -> NotebookNode:
        """The notebook with its outputs. Raises CellExecutionError when a cell fails."""
        return self.client(notebook).execute(cleanup_kc=True)

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

    def make_google_colab(self) -> None:
        (site,) = self.folder.glob("venv/lib/python*/site-packages")
        package = site / "google" / "colab"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "_message.py").write_text(PAGE)
        (site / "google_colab.pth").write_text("import google.colab\n")  # always imported there


@dataclass(frozen=True)
class Session:
    """What a learner does on the page: writes into cells, runs them, fills in and clicks."""

    colab: Colab
    client: NotebookClient

    def run_cell(self, index: int) -> str:
        """Run a cell of the notebook; what it shows, as text."""
        cell = self.client.nb.cells[index]
        if cell.cell_type != "code":
            return ""
        self.client.execute_cell(cell, index)
        return "\n".join(map(text_of, cell.outputs))

    def run_to(self, exercise: str) -> None:
        """Run everything above an exercise, and its cell."""
        for index in range(self.place("exercise", exercise) + 1):
            self.run_cell(index)

    def write(self, exercise: str, source: str) -> None:
        """Write an exercise's cell and run it."""
        index = self.place("exercise", exercise)
        self.client.nb.cells[index].source = source
        self.run_cell(index)

    def check(self, exercise: str) -> str:
        return self.run_cell(self.place("check", exercise))

    def run(self, source: str) -> str:
        """Run a new cell at the end."""
        self.client.nb.cells.append(new_code_cell(source))
        return self.run_cell(len(self.client.nb.cells) - 1)

    def place(self, kind: str, exercise: str) -> int:
        named = [cell.metadata.get("chainrule", {}) for cell in self.client.nb.cells]
        return next(i for i, names in enumerate(named) if names.get(kind) == exercise)

    def hand_in(self, fields: dict[str, str]) -> str:
        """Show the form, fill in its fields, click its button; what the form says then.

        The page has the notebook as it is now, and sends it when asked.
        """
        cells = self.client.nb.cells
        form = next(i for i, cell in enumerate(cells) if "hand_in(" in cell.source)
        if not cells[form].get("outputs"):
            self.run_cell(form)
        self.colab.page.write_text(nbformat.writes(self.client.nb))
        widgets = {
            state.get("description") or state["_model_name"]: comm
            for comm, state in self.client.widget_state.items()
        }
        for description, value in fields.items():
            self.send(widgets[description], {"method": "update", "state": {"value": value}})
        click = {"method": "custom", "content": {"event": "click"}}
        changes = self.send(widgets["Hand in unit 01"], click)
        answers = [state["value"] for comm, state in changes if comm == widgets["HTMLModel"]]
        return html.unescape(re.sub(r"<[^>]*>", "\n", answers[-1])).strip()

    def send(self, comm: str, data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """What a widget on the page sends to the kernel; the changes that come back, in order."""
        kernel = self.client.kc
        message = kernel.session.msg("comm_msg", {"comm_id": comm, "data": data})
        kernel.shell_channel.send(message)
        changes = []
        while True:
            reply = run_sync(kernel.iopub_channel.get_msg)(timeout=CELL_SECONDS)
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content = reply["content"]
            if reply["msg_type"] == "status" and content["execution_state"] == "idle":
                return changes
            if reply["msg_type"] == "comm_msg" and "state" in content["data"]:
                changes.append((content["comm_id"], content["data"]["state"]))


def text_of(output: NotebookNode) -> str:
    """An output as text, without colours."""
    data = output.get("data", {})
    shown = data.get("text/html") or data.get("text/plain") or output.get("text", "")
    return html.unescape(re.sub(r"<[^>]*>", "", "".join(shown)))


def make_colab(folder: Path, wheel: Path, uv: Run, pip: Run) -> Colab:
    """A new machine in `folder`. uv and pip download what Colab has."""
    python = folder / "venv" / "bin" / "python"
    uv("venv", "-q", "--python", colab_python(), folder / "venv")
    uv("pip", "install", "-q", "--python", python, "-c", FREEZE, *PACKAGES)
    colab = Colab(python, folder, folder / "wheels")
    colab.wheels.mkdir()
    shutil.copy(wheel, colab.wheels)
    # Colab leaves out what it does not need though a package asks for it (jedi); pip adds it then.
    for name, version in colab.installed().items():
        if name not in frozen():
            pip(["download", "-q", "--no-deps", "-d", str(colab.wheels), f"{name}=={version}"])
            uv("pip", "uninstall", "-q", "--python", python, name)
    colab.make_google_colab()
    colab.make_kernel()
    return colab
