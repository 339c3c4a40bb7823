"""The repository's top level holds what the house plan names, and no more."""

from __future__ import annotations

HOUSE = {
    "README.md",
    "LICENSE",
    "Makefile",
    "pyproject.toml",
    "constraints.txt",
    "environment.yml",
    "nbgrader_config.py",
    "course",
    "solutions",
    "autograde",
    "tests",
    "binder",
}


def test_nothing_else_lies_at_the_top(files):
    top = {name.split("/")[0] for name in files}
    assert {name for name in top - HOUSE if not name.startswith(".")} == set()


def test_text_files_end_lines_the_unix_way(root, files):
    texts = [name for name in files if name.endswith((".py", ".md", ".txt", ".json", ".ipynb"))]
    assert [name for name in texts if b"\r\n" in (root / name).read_bytes()] == []
