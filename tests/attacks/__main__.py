"""`python -m tests.attacks`: try every attack on our grader and on plain nbgrader, and compare."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.attacks.arena import Arena
from tests.attacks.model import PROMISES, Attack
from tests.attacks.plain import try_plain
from tests.attacks.suite import ATTACKS, BY_NAME, Keep, try_ours

RESULTS = Path(__file__).with_name("RESULTS.md")


def main(words: Sequence[str] | None = None) -> int:
    """0 when nothing succeeded against our grader, and something did against plain nbgrader."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these attacks, or these promises (1 to 5)")
    parser.add_argument("--ours", action="store_true", help="leave plain nbgrader out")
    parser.add_argument("--plain", action="store_true", help="only plain nbgrader")
    parser.add_argument(
        "--kept", type=Path, help="a file to keep what was tried, and to go on from"
    )
    asked = parser.parse_args(words)
    unknown = set(asked.names) - set(BY_NAME) - set(map(str, PROMISES))
    if unknown:
        parser.error(f"there is no attack {sorted(unknown)[0]!r}")
    attacks = [
        attack
        for attack in ATTACKS
        if not asked.names or {attack.name, str(attack.promise)} & set(asked.names)
    ]
    kept = Kept(asked.kept)
    with tempfile.TemporaryDirectory(prefix="chainrule-attacks-") as folder:
        arena = Arena(Path(folder), strict=True)
        if not asked.plain:
            left = [attack for attack in attacks if attack.name not in kept.ours]
            kept.add(kept.ours, lambda keep: try_ours(arena, left, say, keep))
        if not asked.ours:
            left = [attack for attack in attacks if attack.name not in kept.plain]
            kept.add(kept.plain, lambda keep: try_plain(arena, left, say, keep))
    print(table(attacks, kept.ours, kept.plain))
    succeeded = {name: said for name, said in kept.ours.items() if said}
    for name, said in succeeded.items():
        print(f"SUCCEEDED against the grader: {name}: {said}")
    whole = all(attack.name in kept.ours for attack in ATTACKS)
    if whole and all(attack.name in kept.plain for attack in ATTACKS if attack.on_plain):
        RESULTS.write_text(results(ATTACKS, kept.ours, kept.plain, kept.seconds))
        print(f"Written to {RESULTS.name}.")
        return 1 if succeeded or not any(kept.plain.values()) else 0
    return 1 if succeeded else 0


def say(text: str) -> None:
    print(f"  {text[:150]}", file=sys.stderr, flush=True)


class Kept:
    """What each attack achieved so far, in a file too if there is one."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        stored = json.loads(path.read_text()) if path and path.exists() else {}
        self.ours: dict[str, str] = stored.get("ours", {})
        self.plain: dict[str, str] = stored.get("plain", {})
        self.seconds: float = stored.get("seconds", 0.0)
        self.lock = threading.Lock()

    def add(self, to: dict[str, str], run: Callable[[Keep], None]) -> None:
        began = time.monotonic()

        def keep(found: Mapping[str, str]) -> None:
            nonlocal began
            with self.lock:
                to.update(found)
                now = time.monotonic()
                self.seconds, began = self.seconds + now - began, now
                if self.path:
                    state = {"ours": self.ours, "plain": self.plain, "seconds": self.seconds}
                    self.path.write_text(json.dumps(state, indent=1))

        run(keep)


def table(attacks: Sequence[Attack], ours: Mapping[str, str], plain: Mapping[str, str]) -> str:
    """The counts by promise, as a Markdown table."""
    rows = ["| Promise | Attacks | Successes | Tried on plain nbgrader | Successes there |"]
    rows += ["|---|---:|---:|---:|---:|"]
    for promise, says in [*PROMISES.items(), (0, "All")]:
        names = [a.name for a in attacks if promise in (0, a.promise)]
        if not names:
            continue
        there = [name for name in names if name in plain]
        won = sum(bool(ours.get(name)) for name in names)
        bit = sum(bool(plain[name]) for name in there)
        title = f"{promise}. {says}" if promise else f"**{says}**"
        rows.append(f"| {title} | {len(names)} | {won} | {len(there)} | {bit} |")
    return "\n".join(rows)


def results(
    attacks: Sequence[Attack], ours: Mapping[str, str], plain: Mapping[str, str], seconds: float
) -> str:
    """The page RESULTS.md."""
    lines = [
        "# Attacks on the grader",
        "",
        f"Written by `make attacks` on {datetime.now(UTC):%Y-%m-%d} in {seconds / 60:.0f} minutes; "
        f"plain nbgrader is {version('nbgrader')}, run in a jail with `nbgrader autograde`.",
        "",
        table(attacks, ours, plain),
        "",
        "An attack counts as a success against the grader also when any honest learner in its "
        "class got another result than alone, or when something outlived the run. Attacks on "
        "what only this grader has (secret cases, append-only results, its refusals) and floods "
        "that nothing bounds there were not tried on plain nbgrader.",
    ]
    for promise, says in PROMISES.items():
        lines += ["", f"## {promise}. {says}", ""]
        lines += ["| Attack | Success would be | Here | Plain nbgrader |", "|---|---|---|---|"]
        for attack in attacks:
            if attack.promise == promise:
                here = ours[attack.name] or "nothing"
                there = plain.get(attack.name)
                there = "not tried" if there is None else there or "nothing"
                cells = (attack.name, attack.success, here, there)
                lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:160]


if __name__ == "__main__":
    sys.exit(main())
