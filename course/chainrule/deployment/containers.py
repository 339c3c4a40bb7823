"""What a Dockerfile and a compose file say, read without an engine that could run them.

    facts("FROM python:3.12.8-slim\\nUSER serve\\n")["user"]    # "serve"

Several stages, continued lines, comments and both forms of a command are understood. What another
program would have to decide (variables, here-documents) is taken as it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stage:
    """One FROM and the instructions below it, in order, as (NAME, rest of the line)."""

    base: str
    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile. What stands before the first FROM belongs to none."""
    found: list[Stage] = []
    for word, rest in instructions(text):
        if word == "FROM":
            parts = [part for part in rest.split() if not part.startswith("--")]
            base = parts[0] if parts else ""
            named = len(parts) > 2 and parts[1].lower() == "as"
            found.append(Stage(base, parts[2] if named else ""))
        elif found:
            found[-1].lines.append((word, rest))
    return found


def instructions(text: str) -> list[tuple[str, str]]:
    """(NAME, rest) of each instruction, continued lines joined, comments left out."""
    kept = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\[ \t]*\n", " ", "\n".join(kept))
    split = [line.strip().split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(parts[0].upper(), parts[1].strip() if len(parts) > 1 else "") for parts in split]


def facts(text: str) -> dict[str, Any]:
    """What the checks ask of a Dockerfile, as plain data."""
    all_stages = stages(text)
    names = {stage.name for stage in all_stages if stage.name}
    last = lineage(all_stages)
    health = [rest for word, rest in last if word == "HEALTHCHECK"]
    copied = [path for stage in all_stages for path in sources(stage.lines)]
    return {
        "bases": [stage.base for stage in all_stages if stage.base not in names],
        "user": next((rest for word, rest in last[::-1] if word == "USER"), "root"),
        "health": "" if not health or health[-1].upper() == "NONE" else health[-1],
        "copied": copied,
        "installs": any(is_install(line) for stage in all_stages for line in stage.lines),
        "code before install": any(code_before_install(stage.lines) for stage in all_stages),
        "start": start(last),
        "secrets": secrets(all_stages),
    }


def lineage(all_stages: list[Stage]) -> list[tuple[str, str]]:
    """The instructions that the final image inherits: of its stage and those it is built on."""
    by_name = {stage.name: stage for stage in all_stages if stage.name}
    stage, seen = all_stages[-1], list(all_stages[-1].lines)
    visited = {id(stage)}
    while stage.base in by_name and id(by_name[stage.base]) not in visited:
        stage = by_name[stage.base]
        visited.add(id(stage))
        seen = stage.lines + seen
    return seen


def sources(lines: list[tuple[str, str]]) -> list[str]:
    """What COPY and ADD take from the folder, in order; nothing that comes from another stage."""
    found = []
    for word, rest in lines:
        if word not in ("COPY", "ADD") or re.search(r"--from=", rest):
            continue
        files = re.sub(r"^(--\S+\s+)+", "", rest)
        paths = as_list(files) or files.split()
        found += [path.removeprefix("./") or "." for path in paths[:-1]]
    return found


def is_install(line: tuple[str, str]) -> bool:
    word, rest = line
    return word == "RUN" and "install" in rest and "requirements.txt" in rest


def code_before_install(lines: list[tuple[str, str]]) -> bool:
    """Whether something other than requirements.txt is copied before it is installed."""
    installs = [number for number, line in enumerate(lines) if is_install(line)]
    early = sources(lines[: installs[0]]) if installs else []
    return any(path != "requirements.txt" for path in early)


def start(lines: list[tuple[str, str]]) -> dict[str, Any]:
    """How the service is started: {"form": "list", "shell" or "none", "words": [...]}."""
    parts = {word: rest for word, rest in lines if word in ("ENTRYPOINT", "CMD")}
    if not parts:
        return {"form": "none", "words": []}
    entry, command = parts.get("ENTRYPOINT", ""), parts.get("CMD", "")
    words, form = [], "list"
    for text in (entry, command):
        listed = as_list(text)
        if text and listed is None:
            # `exec` replaces the shell by the program, which then gets the signals itself
            form = form if text.startswith("exec ") else "shell"
            listed = text.removeprefix("exec ").split()
        words += listed or []
    words = [part for word in words for part in word.split("=", 1)] if words else []
    return {"form": form, "words": words}


def as_list(text: str) -> list[str] | None:
    """The words of a command in its list form; None when it is a plain line."""
    try:
        words = json.loads(text)
    except ValueError:
        return None
    listed = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return words if listed else None


def secrets(all_stages: list[Stage]) -> list[str]:
    """Names of variables that look like secrets: an image keeps them for everyone who has it."""
    found = []
    for stage in all_stages:
        for word, rest in stage.lines:
            if word in ("ENV", "ARG"):
                names = re.findall(r"([A-Za-z_][A-Za-z0-9_]*)", rest.split("=")[0])
                pattern = r"(?i)KEY|TOKEN|SECRET|PASSWORD"
                found += [name for name in names if re.search(pattern, name)]
    return found


def services(composed: Any) -> dict[str, Any]:
    """The services of a compose file, as far as the checks ask: image, ports, restart."""
    listed = composed.get("services") if isinstance(composed, dict) else None
    if not isinstance(listed, dict):
        return {"services": "none"}
    return {
        "services": {
            str(name): {key: value.get(key) for key in ("image", "ports", "restart")}
            if isinstance(value, Mapping)
            else {}
            for name, value in listed.items()
        }
    }
