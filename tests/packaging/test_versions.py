"""pyproject.toml says what is needed, constraints.txt and environment.yml which versions of it."""

from __future__ import annotations

import ast
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from rattler import MatchSpec

CARD = {"jupyterlab", "torch", "numpy", "matplotlib", "nbgrader", "ipywidgets", "nbval"}
CONDA_NAMES = {
    "prometheus_client": "prometheus-client",
    "msgpack-python": "msgpack",
}  # where conda-forge's name is another than pip's


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text().splitlines()
    constraints = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(str(c.specifier).startswith("==") and not c.marker for c in constraints)
    pinned = {canonicalize_name(c.name): str(c.specifier)[2:] for c in constraints}
    assert len(pinned) == len(constraints), "a package is pinned twice"
    return pinned


@pytest.fixture(scope="module")
def conda(root: Path) -> dict:
    return yaml.safe_load((root / "environment.yml").read_text())


def requirements(project: dict, extra: str | None = None) -> Iterator[Requirement]:
    """The base dependencies, or those of an extra with the extras that it takes in."""
    extras = project["optional-dependencies"]
    for line in project["dependencies"] if extra is None else extras[extra]:
        requirement = Requirement(line)
        if requirement.name != project["name"]:
            yield requirement
        for name in requirement.extras if requirement.name == project["name"] else ():
            yield from requirements(project, name)


def conda_pins(conda: dict) -> dict[str, str]:
    """The conda packages of environment.yml, under pip's names."""
    specs = [MatchSpec(line) for line in conda["dependencies"] if isinstance(line, str)]
    named = {spec.name.normalized: str(spec.version or "") for spec in specs}
    return {CONDA_NAMES.get(name, name): v.removesuffix(".*") for name, v in named.items()}


def test_every_requirement_has_a_pin_that_it_allows(project, pins):
    for extra in (None, *project["optional-dependencies"]):
        for requirement in requirements(project, extra):
            pin = pins[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(pin), f"{requirement} does not allow {pin}"


def test_pins_are_plain_versions(pins):
    assert pins["torch"] == "2.13.0"
    assert [pin for pin in pins.values() if Version(pin).local] == []
    assert "chainrule" not in pins


def test_this_environment_has_the_pinned_versions(pins):
    # Not every folder of sys.path: setuptools, once imported, adds the packages it carries inside.
    here = metadata.distributions(path=[sysconfig.get_path("purelib")])
    installed = {canonicalize_name(d.name): d.version for d in here}
    ours = {name: installed[name].split("+")[0] for name in pins if name in installed}
    assert {n: v for n, v in ours.items() if v != pins[n]} == {}


def test_conda_has_the_pins_of_pip(conda, pins):
    versions = conda_pins(conda)
    assert versions.pop("pip") == ""
    assert versions.pop("python") == "3.11"
    assert versions == {name: pins[name] for name in versions}


def test_conda_installs_the_learners_part_and_the_cards_packages(conda, project, pins):
    (from_pip,) = (item["pip"] for item in conda["dependencies"] if isinstance(item, dict))
    assert from_pip == [f"torch=={pins['torch']}", "-e .[lab]"]
    needed = {r.name for extra in (None, "lab") for r in requirements(project, extra)} | CARD
    assert needed - set(conda_pins(conda)) == {"torch"}


def test_binder_and_conda_use_the_tested_python(root, project, conda):
    runtime = (root / "binder" / "runtime.txt").read_text().strip()
    assert runtime == "python-3.11"
    assert Requirement(f"python{project['requires-python']}").specifier.contains("3.11")


def imports(folder: Path) -> dict[str, list[str]]:
    """What the modules in a folder import from elsewhere: name -> the files that do."""
    found: dict[str, list[str]] = {}
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                found.setdefault(name.split(".")[0], []).append(file.name)
    ours = {"chainrule", "autograde", *sys.stdlib_module_names}
    return {name: where for name, where in found.items() if name not in ours}


def brought_by(required: Iterable[Requirement]) -> set[str]:
    """The packages that come with these requirements, and with theirs, as installed here."""
    todo = [canonicalize_name(requirement.name) for requirement in required]
    brought: set[str] = set()
    while todo:
        name = todo.pop()
        if name in brought:
            continue
        brought.add(name)
        for line in metadata.requires(name) or []:
            further = Requirement(line)
            if further.marker is None or further.marker.evaluate({"extra": ""}):
                todo.append(canonicalize_name(further.name))
    return brought


def strangers(folder: Path, required: Iterable[Requirement]) -> dict[str, list[str]]:
    """Imports in a folder of what none of the requirements brings."""
    brought = brought_by(required)
    owners = metadata.packages_distributions()
    return {
        name: where
        for name, where in imports(folder).items()
        if not brought & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }


def test_the_learners_part_imports_only_what_it_brings(root, project):
    package, unit = root / "course" / "chainrule", root / "course" / "chainrule" / "deployment"
    found, there = strangers(package, requirements(project)), strangers(unit, requirements(project))
    elsewhere = {name for name in found if len(found[name]) > len(there.get(name, []))}
    assert elsewhere <= {"torch", "google"}, found  # looked for where they are, never required
    deploy = [*requirements(project), *requirements(project, "deploy")]
    assert set(strangers(unit, deploy)) <= {"app"}  # which the learner writes


# What a script in autograde/datasets/ reads its source with; it says itself how to get it.
DATA_SOURCES = {"pyarrow", "skimage", "statsmodels", "torch"}
# What a script in autograde/clusters/ starts workers with; it has an extra of its own.
CLUSTERS = {"dask_jobqueue"}


def test_grading_imports_only_what_its_extra_brings(root, project):
    graders = [*requirements(project), *requirements(project, "grade")]
    authors = {"libcst", "sklearn"}  # mutants and data sets, which only the build needs
    service = set(strangers(root / "autograde" / "service", graders))
    assert (
        set(strangers(root / "autograde", graders)) - service <= authors | DATA_SOURCES | CLUSTERS
    )


def test_the_service_imports_only_what_its_extra_brings(root, project):
    theirs = [*requirements(project), *requirements(project, "serve")]
    assert strangers(root / "autograde" / "service", theirs) == {}


def test_building_imports_only_what_its_extra_brings(root, project):
    everything = [*requirements(project), *requirements(project, "author")]
    assert set(strangers(root / "autograde", everything)) <= DATA_SOURCES | CLUSTERS


def test_the_settings_for_clusters_import_only_what_their_extra_brings(root, project):
    theirs = [*requirements(project), *requirements(project, "cluster")]
    assert strangers(root / "autograde" / "clusters", theirs) == {}
