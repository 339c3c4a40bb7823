"""What must be true of a routing rule and of a container, however they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

FILES = ("app.py", "operations.py", "model.onnx")
LATER = 37  # requests between the two times that a user asks

# --- choose_version ------------------------------------------------------------------------------


def choose_version(args: list[Any], kwargs: Mapping[str, Any], observed: Any) -> str | None:
    """None when users are sent where the docstring says.

    observed: two arrays of `chainrule.deployment.probes`: 0 is stable, 1 canary, 2 something else.
    """
    share, looks_at = kwargs["share"], kwargs["looks_at"]
    first, second = np.asarray(observed["first"]), np.asarray(observed["second"])
    if other := int((first > 1).sum()):
        return f'{other} of {len(first)} answers are neither "stable" nor "canary".'
    found = float(first.mean())
    if looks_at == "rollback":
        if first.any() or second.any():
            return f"too many of the canary's requests failed, yet {found:.0%} of the users get it."
        return None
    if said := wrong_share(found, share, len(first)):
        return said
    if looks_at == "a larger share":
        return moved_back(first, second, share)
    changed = int((first != second).sum())
    if changed and looks_at == "later":
        return (
            f"{LATER} requests later, {changed} of {len(first)} users get the other version. Only "
            "the user and the share decide, not what the canary has answered."
        )
    if changed:
        return (
            f"asked again, {changed} of {len(first)} users get the other version. "
            "Does the answer depend on chance, on the order, or on this process?"
        )
    return None


def wrong_share(found: float, share: float, users: int) -> str | None:
    """A sentence when the canary's part is further from `share` than chance explains."""
    room = 6 * math.sqrt(max(share * (1 - share), 0) / users)
    if abs(found - share) <= room + 1e-9:
        return None
    return f"of {users:,} users {found:.1%} get the canary; its share is {share:.1%}."


def moved_back(first: np.ndarray, second: np.ndarray, share: float) -> str | None:
    larger = share + 0.25
    if said := wrong_share(float(second.mean()), larger, len(second)):
        return said
    if back := int(((first == 1) & (second == 0)).sum()):
        return (
            f"when the share grows from {share:.0%} to {larger:.0%}, {back} users who had the "
            "canary lose it again. What decides besides the user's own place?"
        )
    return None


# --- dockerfile ----------------------------------------------------------------------------------


def dockerfile(args: list[Any], kwargs: Mapping[str, Any], observed: Any) -> str | None:
    """None when the part of the two texts that the case looks at is as the docstrings say.

    observed: what `chainrule.deployment.probes.dockerfile` returns.
    """
    if "a Dockerfile" in observed:
        return f"that is no Dockerfile: {observed['a Dockerfile']}."
    base, port, images, looks_at = (kwargs[key] for key in ("base", "port", "images", "looks_at"))
    if looks_at == "compose images":
        return wrong_images(observed, images)
    if looks_at == "compose ports":
        return wrong_ports(observed, port)
    if looks_at == "base":
        return wrong_base(observed["bases"], base)
    asked = {
        "files": wrong_files,
        "order": wrong_order,
        "user": wrong_user,
        "health": wrong_health,
        "start": wrong_start,
    }
    return asked[looks_at](observed, str(port))


def wrong_base(bases: list[str], base: str) -> str | None:
    others = [name for name in bases if name.split("@")[0] != base]
    if others and "{" in others[0]:
        return (
            f"FROM {others[0]}: the braces were not filled in. Is the f before the quotes missing?"
        )
    if others:
        return (
            f"FROM {others[0]}: the base that was given is {base}. Another one may be another "
            "Python tomorrow."
        )
    return None


def wrong_files(seen: Mapping[str, Any], port: str) -> str | None:
    copied = [path.lstrip("/") if path != "/" else "." for path in seen["copied"]]
    for path in copied:
        if path in (".", "") or "*" in path:
            return (
                f"COPY takes {path or 'a folder'}: whatever lies there, secrets too, goes into the "
                "image. Name the files."
            )
        if path.rsplit("/", 1)[-1] in (*FILES, "requirements.txt") and "/" in path:
            return (
                f"COPY takes {path}, but the image is built from inside the folder: its files have "
                "no folder in front of them."
            )
        if path not in (*FILES, "requirements.txt"):
            return f"COPY takes {path}, which the service does not need."
    missing = [name for name in FILES if name not in copied]
    if missing:
        return f"these files are never copied: {', '.join(missing)}."
    if seen["several into no folder"]:
        return (
            f"COPY {seen['several into no folder']}: with several files, what they go to ends "
            "with a slash."
        )
    if seen["secrets"]:
        return (
            f"{seen['secrets'][0]} is in the image for everyone who has it; pass it at the start."
        )
    return None


def wrong_order(seen: Mapping[str, Any], port: str) -> str | None:
    if not seen["installs"]:
        return "no RUN installs requirements.txt."
    if "requirements.txt" not in [path.rsplit("/", 1)[-1] for path in seen["copied"]] + (
        ["requirements.txt"] if "." in seen["copied"] else []
    ):
        return "requirements.txt is installed but never copied."
    if seen["install before copy"]:
        return "RUN installs requirements.txt before COPY has brought it: the build stops there."
    if seen["code before install"]:
        return (
            "other files are copied before the packages are installed, so each change of a line "
            "installs everything again."
        )
    return None


def wrong_user(seen: Mapping[str, Any], port: str) -> str | None:
    user = seen["user"].split(":")[0].strip("\"'")
    if user in ("", "root", "0"):
        return "the service runs as root. Which instruction says who runs it?"
    if seen["unknown users"]:
        return (
            f"USER {seen['unknown users'][0]}: no RUN before that line makes such a user, so "
            "nothing can run as it."
        )
    return None


def wrong_health(seen: Mapping[str, Any], port: str) -> str | None:
    health = seen["health"]
    if not health:
        return "there is no HEALTHCHECK."
    if "CMD" not in health.upper():
        return f"HEALTHCHECK {health}: the command comes after the word CMD."
    if "healthz" not in health and "readyz" not in health:
        return "HEALTHCHECK asks neither /healthz nor /readyz."
    if port not in health:
        return f"HEALTHCHECK does not ask on port {port}, the one that was given."
    if "curl" in health or "wget" in health:
        return "HEALTHCHECK uses a program that a slim image does not have. Python can ask."
    if re.search(r"(\|\||;)\s*(true|:|exit 0)(\W|$)", health):
        return "HEALTHCHECK ends well whatever the service answers, so it never says unhealthy."
    return None


def wrong_start(seen: Mapping[str, Any], port: str) -> str | None:
    form, words = seen["start"]["form"], seen["start"]["words"]
    if form == "none":
        return "no CMD says what to start."
    if form == "shell":
        return (
            "CMD is a plain line, so a shell stands between the service and the signal to stop. "
            'Write a list: CMD ["...", "..."], with double quotes.'
        )
    if "uvicorn" not in words or "app:app" not in words:
        return f"CMD starts {' '.join(words)}; uvicorn app:app is asked for."
    if "0.0.0.0" not in words:
        return (
            "the service listens inside its container only. Which --host hears calls from outside?"
        )
    if port not in words:
        return f"CMD does not name port {port}, the one that was given."
    if seen["elsewhere"]:
        return (
            f"the file {seen['elsewhere'][0]} is copied to {seen['elsewhere'][1]}, and uvicorn "
            f"starts in {seen['elsewhere'][2]} and looks for it there. WORKDIR says where."
        )
    return None


# --- compose -------------------------------------------------------------------------------------


def wrong_names(seen: Mapping[str, Any]) -> str | None:
    services = seen["services"]
    if not isinstance(services, dict) or sorted(services) != ["canary", "stable"]:
        names = sorted(services) if isinstance(services, dict) else services
        return f"compose has these services: {names}; stable and canary are asked for."
    return None


def wrong_images(seen: Mapping[str, Any], images: list[str]) -> str | None:
    if said := wrong_names(seen):
        return said
    for name, image in zip(("stable", "canary"), images, strict=True):
        service = seen["services"][name]
        if service.get("image") != image:
            return f"{name} runs the image {service.get('image')}; it was given {image}."
        if service.get("restart") != "unless-stopped":
            return f"{name} is not started again when it fails: its restart is missing or other."
    return None


def wrong_ports(seen: Mapping[str, Any], port: int) -> str | None:
    if said := wrong_names(seen):
        return said
    for name, outside in (("stable", port), ("canary", port + 1)):
        ports = seen["services"][name].get("ports")
        if ports != [f"127.0.0.1:{outside}:{port}"]:
            return (
                f"the ports of {name} are {ports}. In the order address:outside:inside, which of "
                "the three is not as the docstring says?"
            )
    return None
