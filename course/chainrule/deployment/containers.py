"""What a Dockerfile and a compose file say, read without an engine that could run them.

    facts("FROM python:3.12.8-slim\\nUSER serve\\n")["user"]    # "serve"

Several stages, continued lines, comments and both forms of a command are understood. What another
program would have to decide (variables, here-documents) is taken as it is written.
"""

from __future__ import annotations

import json
import posixpath
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
        "install before copy": any(
            install_before_copy(lineage(all_stages[: number + 1]))
            for number in range(len(all_stages))
        ),
        "several into no folder": several_into_no_folder(all_stages),
        "unknown users": unknown_users(last),
        "elsewhere": elsewhere(last),
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
    return [path for line in lines for path in copied_by(line)[:-1]]


def copied_by(line: tuple[str, str]) -> list[str]:
    """What a line takes from the folder, and last where it puts it; [] for other lines."""
    word, rest = line
    if word not in ("COPY", "ADD") or re.search(r"--from=", rest):
        return []
    files = re.sub(r"^(--\S+\s+)+", "", rest)
    paths = as_list(files) or files.split()
    return [path.removeprefix("./") or "." for path in paths[:-1]] + paths[-1:]


def is_install(line: tuple[str, str]) -> bool:
    word, rest = line
    return word == "RUN" and "install" in rest and "requirements.txt" in rest


def code_before_install(lines: list[tuple[str, str]]) -> bool:
    """Whether something other than requirements.txt is copied before it is installed."""
    installs = [number for number, line in enumerate(lines) if is_install(line)]
    early = sources(lines[: installs[0]]) if installs else []
    return any(path != "requirements.txt" for path in early)


def install_before_copy(lines: list[tuple[str, str]]) -> bool:
    """Whether requirements.txt is installed where nothing has brought it yet."""
    installs = [number for number, line in enumerate(lines) if is_install(line)]
    if not installs or "--mount" in lines[installs[0]][1]:
        return False
    early = lines[: installs[0]]
    here = [path.rsplit("/", 1)[-1] for path in sources(early)]
    elsewhere_from = any("--from=" in rest for word, rest in early if word in ("COPY", "ADD"))
    brought = any(name in ("requirements.txt", ".", "") or "*" in name for name in here)
    return not brought and not elsewhere_from


def several_into_no_folder(all_stages: list[Stage]) -> str:
    """The first COPY of several files whose target is no folder, which engines refuse; or ""."""
    for stage in all_stages:
        for line in stage.lines:
            paths = copied_by(line)
            if len(paths) > 2 and not re.search(r"(^|/)\.{0,2}$", paths[-1]):
                return line[1]
    return ""


# Users that the base images have from the beginning.
KNOWN_USERS = ("nobody", "www-data", "daemon", "bin", "sys", "games", "mail", "backup")


def unknown_users(lines: list[tuple[str, str]]) -> list[str]:
    """Users by name that no earlier RUN makes; numbers and variables need none."""
    found = []
    for number, (word, rest) in enumerate(lines):
        user = rest.split(":")[0].strip("\"'")
        if word != "USER" or not re.fullmatch(r"[A-Za-z_][\w.-]*", user):
            continue
        made = [text for name, text in lines[:number] if name == "RUN" and user in text.split()]
        known = user in KNOWN_USERS or user == "root" or "passwd" in str(lines[:number])
        if not known and not any(re.search(r"useradd|adduser", text) for text in made):
            found.append(user)
    return found


def elsewhere(lines: list[tuple[str, str]]) -> list[str]:
    """[a file, where it lies, where the service starts] when these are two places; [] otherwise.

    What a variable, PYTHONPATH or --app-dir decides is taken to be right.
    """
    here, known, places = "/", {"/"}, {}
    for word, rest in lines:
        if "$" in rest or "PYTHONPATH" in rest or "--app-dir" in rest:
            return []
        if word == "WORKDIR":
            here = posixpath.normpath(posixpath.join(here, rest.strip("\"'")))
            known.add(here)
        paths = copied_by((word, rest))
        for path in paths[:-1]:
            to = posixpath.normpath(posixpath.join(here, paths[-1]))
            one_file = len(paths) == 2 and not re.search(r"(^|/)\.{0,2}$", paths[-1])
            place = posixpath.dirname(to) if one_file and to not in known else to
            places[posixpath.basename(path)] = place
    needed = ("app.py", "operations.py", "model.onnx")
    return next(
        ([name, places[name], here] for name in needed if places.get(name, here) != here), []
    )


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
    if isinstance(composed, str):
        return {"services": "none, for compose returned a text and not a dict"}
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
