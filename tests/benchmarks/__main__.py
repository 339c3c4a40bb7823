"""`python -m tests.benchmarks`: this grader, nbgrader and the limit, measured in one run."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks import measure
from tests.benchmarks.otter import otter_run
from tests.benchmarks.subject import TRAINING_SECONDS, Subject, make_subject

CLASS = 1000  # submissions; starting up is counted in
RESULTS = Path(__file__).with_name("RESULTS.md")
STAGES = ["intake", "fork", "cells", "probes", "end of the child", "judging", "pages", "writing"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="also a class of 10,000")
    parser.add_argument("--otter", type=Path, help="the `otter` of an environment that has it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chainrule-bench-") as folder:
        page = report(make_subject(Path(folder)), asked.full, asked.otter)
    print(page)
    RESULTS.write_text(page, "utf-8")
    print(f"Written to {RESULTS}.")
    return 0


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def report(subject: Subject, full: bool, otter: Path | None) -> str:
    """Everything measured, as Markdown."""
    hot = measure.hot_process(subject)
    say(f"hot process: {hot * 1000:.0f} ms")
    lines = [
        "# Benchmarks of the grader",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}, all in one run. Machine: "
        f"{os.cpu_count()} cores, {machine()}, Python {platform.python_version()}, "
        f"torch {version('torch')}, nbgrader {version('nbgrader')}.",
        "",
        "The notebook has 25 cells and six exercises on torch (`tests/benchmarks/unit`). Isolation "
        "is on (`--sandbox bwrap`), and starting up is counted in. The training cell takes "
        f"{TRAINING_SECONDS} s; it is a demonstration, which this grader does not run.",
        "",
        *throughput(subject, otter),
        "",
        "## Where the time of a submission goes",
        "",
        *stages(subject, hot),
        "",
        "## Memory",
        "",
        *memory(subject),
        "",
        "## Classes of different sizes",
        "",
        *sizes(subject, [100, 1000, *([10_000] if full else [])]),
        "",
        "## Worker processes",
        "",
        *workers(subject),
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def throughput(subject: Subject, otter: Path | None) -> list[str]:
    """A row for each grader: seconds a submission without and with the training cell."""
    rows: list[tuple[str, float, float]] = []

    def add(name: str, plain: float, training: float) -> None:
        say(f"{name}: {plain:.3f} s, with training {training:.3f} s")
        rows.append((name, plain, training))

    for jobs in (1, 2):
        of = [measure.ours(subject, CLASS, jobs, training, "ours") for training in (False, True)]
        add(f"`chainrule grade --jobs {jobs}`, {CLASS} submissions", *of)
    plain = measure.plain_nbgrader(subject, 5, False, "nbgrader")
    training = measure.plain_nbgrader(subject, 2, True, "nbgrader-training")
    add("`nbgrader autograde`, 5 submissions (2 with training)", plain, training)
    if otter:
        add("`otter run`, 5 submissions (2 with training)", *otter_run(subject, otter))
    lines = [
        "| | s a submission | with training | times nbgrader | with training |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, one, other in rows:
        ratios = f"{plain / one:.0f} | {training / other:.0f}"
        lines.append(f"| {name} | {one:.3f} | {other:.3f} | {ratios} |")
    return lines


def stages(subject: Subject, hot: float) -> list[str]:
    spent = measure.split(subject)
    everything = spent.pop("everything")
    lines = ["| stage, one job | ms |", "|---|---:|"]
    lines += [f"| {stage} | {spent.pop(stage, 0.0):.1f} |" for stage in STAGES]
    assert not spent
    lines.append(f"| **everything** | **{everything:.1f}** |")
    lines.append(f"| the same cells and probes in one hot process: the limit | {hot * 1000:.1f} |")
    return lines


def memory(subject: Subject) -> list[str]:
    found = measure.memory(subject)
    return [
        f"The warm parent takes {found['parent']:.0f} MB of PSS, once for each worker; each child "
        f"in flight {found['child']:.0f} MB more, with its six snapshots."
    ]


def sizes(subject: Subject, counts: list[int]) -> list[str]:
    lines = ["| submissions | ms a submission, two jobs |", "|---:|---:|"]
    for count in counts:
        seconds = measure.ours(subject, count, 2, False, f"class-{count}")
        say(f"a class of {count}: {seconds * 1000:.0f} ms a submission")
        lines.append(f"| {count:,} | {seconds * 1000:.1f} |")
    return lines


def workers(subject: Subject) -> list[str]:
    lines = [
        "Submissions a second, starting up left out: worker processes of this machine, and workers",
        "behind a Dask scheduler with TLS, each in a network namespace of its own.",
        "",
        "| workers | processes | network namespaces |",
        "|---:|---:|---:|",
    ]
    for rates in measure.workers(subject, [1, 2], 100, say):
        apart = f"{rates['hosts']:.1f}" if "hosts" in rates else "needs root and `ip`"
        lines.append(f"| {rates['workers']:.0f} | {rates['processes']:.1f} | {apart} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
