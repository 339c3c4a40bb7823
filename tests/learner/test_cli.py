"""The command line as a learner meets it: real processes, sentences, exit codes."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule
from chainrule import commands, progress

PACKAGE = Path(chainrule.__file__).parent
COMMAND = [sys.executable, "-m", "chainrule"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def a_sentence(result: subprocess.CompletedProcess[str]) -> str:
    """stderr of a command that failed as it should: one line, exit code 2."""
    assert result.returncode == 2, result
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr
    return result.stderr


def test_help_lists_the_commands():
    result = run("--help")
    assert result.returncode == 0
    for name in ("lab", "doctor", "progress", "submit", "build", "grade"):
        assert f"\n  {name} " in result.stdout


@pytest.mark.parametrize("command", ["lab", "doctor", "progress", "submit"])
def test_every_command_has_help_with_an_example(command):
    result = run(command, "--help")
    assert result.returncode == 0
    assert f"Example: chainrule {command}" in result.stdout


def test_the_version_is_printed():
    assert run("--version").stdout.strip() == f"chainrule {chainrule.__version__}"


def test_an_unknown_command_suggests_the_nearest():
    result = run("subimt")
    assert result.returncode == 2
    assert "submit" in result.stderr


def test_submit_prints_a_receipt(course, inbox):
    result = run("submit", "00", "--to", str(inbox), "--learner", "ada")
    assert result.returncode == 0, result.stderr
    assert "Handed in 00_welcome as ada" in result.stdout and "sha256" in result.stdout
    assert (inbox / "ada/00_welcome/welcome.ipynb").is_file()


def test_submit_to_a_folder_that_is_not_there_is_one_sentence(course, inbox):
    said = a_sentence(run("submit", "00", "--to", str(inbox / "typo"), "--learner", "ada"))
    assert "There is no folder" in said


def test_submit_of_an_unknown_unit_is_one_sentence(course, tmp_path):
    assert "welcome" in a_sentence(run("submit", "welcom", "--to", str(tmp_path)))


def test_submit_to_an_address_is_one_sentence(course):
    said = a_sentence(run("submit", "00", "--to", "http://example.org", CHAINRULE_TOKEN="crt_a"))
    assert "not encrypted" in said


def test_progress_shows_what_was_passed(course):
    progress.record("00_welcome", "accuracy", 2, 2)
    result = run("progress")
    assert result.returncode == 0
    assert "00_welcome" in result.stdout and "1 of 6" in result.stdout


def test_doctor_prints_a_table(course):
    result = run("doctor", "--quick")
    assert result.returncode == 0, result.stdout
    assert "numpy" in result.stdout and "Everything the course needs is here." in result.stdout


def test_lab_without_a_course_is_one_sentence(monkeypatch):
    monkeypatch.setattr(commands, "course_folder", lambda: None)
    with pytest.raises(commands.UserError, match="no course around"):
        commands.lab(None, None)


def test_lab_without_jupyterlab_says_which_extra_brings_it(course, monkeypatch):
    monkeypatch.setattr(commands.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(commands.UserError, match=r'pip install "chainrule\[lab\]"'):
        commands.lab(None, None)


def test_lab_opens_the_course_on_its_readme_with_the_environment_on_path(course, tmp_path):
    """A stand-in for JupyterLab reports what it was given."""
    (course / "README.md").write_text("# Course")
    stand_in = tmp_path / "modules" / "jupyterlab"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text(
        "import os, sys\nprint(os.environ['PATH'].split(os.pathsep)[0], *sys.argv[1:], sep='\\n')"
    )
    path = os.pathsep.join([str(tmp_path / "modules"), str(PACKAGE.parent)])
    result = run("lab", "--port", "8890", "--", "--no-browser", PYTHONPATH=path)
    assert result.returncode == 0, result.stderr
    _, first, *arguments = result.stdout.splitlines()
    assert first == str(Path(sys.executable).parent)
    assert arguments == [
        f"--ServerApp.root_dir={course}",
        f"--LabApp.app_settings_dir={PACKAGE / 'lab'}",
        "--LabApp.default_url=/lab/tree/README.md",
        "--ServerApp.port=8890",
        *["--allow-root"] * (os.geteuid() == 0),
        "--no-browser",
    ]


def test_a_missing_extra_says_which_pip_install_adds_it(tmp_path):
    """autograde is not there at all, as in the learner's installation."""
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text("import sys\nsys.modules['autograde'] = None\n")
    path = os.pathsep.join([str(tmp_path), str(PACKAGE.parent)])
    result = run("grade", "01", "--submissions", "x", "--jobs", "2", PYTHONPATH=path)
    assert 'pip install "chainrule[grade]"' in a_sentence(result)
    assert "chainrule[author]" in a_sentence(run("build", "--check", PYTHONPATH=path))


@pytest.mark.parametrize(
    "missing, command, extra",
    [
        ("libcst", "build", "author"),
        ("jupytext", "build", "author"),
        ("jupytext", "serve", "serve"),
        ("jupytext", "grade", "grade"),
    ],
)
def test_a_missing_package_of_an_extra_says_which_pip_install_adds_it(
    missing, command, extra, tmp_path
):
    """The extra of the command, where that brings the other along."""
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text(f"import sys\nsys.modules[{missing!r}] = None\n")
    path = os.pathsep.join([str(tmp_path), str(PACKAGE.parent)])
    arguments = {"build": ["00", "--check"], "grade": ["01", "--submissions", "."], "serve": []}
    result = run(command, *arguments[command], PYTHONPATH=path)
    assert f'pip install "chainrule[{extra}]"' in a_sentence(result)


def test_a_missing_dependency_is_one_sentence(tmp_path):
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text("import sys\nsys.modules['typer'] = None\n")
    path = os.pathsep.join([str(tmp_path), str(PACKAGE.parent)])
    assert "pip install typer" in a_sentence(run("doctor", PYTHONPATH=path))


@pytest.mark.parametrize("file", ["__init__.py", "__main__.py", "cli.py", "errors.py"])
def test_what_an_old_python_reads_first_parses_there(file):
    ast.parse((PACKAGE / file).read_text("utf-8"), feature_version=(3, 8))


def test_an_old_python_is_told_which_one_is_needed(monkeypatch, capsys):
    from chainrule import cli

    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "needs Python 3.11 or newer; this is Python 3.8" in capsys.readouterr().err
