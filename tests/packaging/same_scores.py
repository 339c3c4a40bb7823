"""Compare the scores that the grader exported with the truth about a sample class.

    python tests/packaging/same_scores.py grading/sample-class/scores.csv grading/sample/truth.csv

Prints one line if everything agrees; otherwise the rows that do not, and exits with 1.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

Key = tuple[str, str]


def read(path: Path) -> dict[Key, dict[str, str]]:
    """The rows of a csv by learner and exercise, scores as plain numbers."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for column in ("score", "max_score"):
            row[column] = f"{float(row[column]):g}" if row[column] else ""
    return {(row["learner"], row["exercise"]): row for row in rows}


def differences(scores: dict[Key, dict[str, str]], truth: dict[Key, dict[str, str]]) -> list[str]:
    """One line for each value that differs, and for each row that only one of them has."""
    lines = []
    for learner, exercise in sorted(scores.keys() | truth.keys()):
        key = (learner, exercise)
        if key not in scores or key not in truth:
            lines.append(f"{learner}, {exercise}: only in {'truth' if key in truth else 'scores'}")
            continue
        for column in truth[key]:
            is_, should = scores[key].get(column), truth[key][column]
            if is_ != should:
                lines.append(f"{learner}, {exercise}: {column} is {is_!r}, the truth is {should!r}")
    return lines


def main(scores_file: str, truth_file: str) -> int:
    scores, truth = read(Path(scores_file)), read(Path(truth_file))
    if not truth:
        print(f"{truth_file} has no rows, so there is nothing to compare with.")
        return 1
    wrong = differences(scores, truth)
    if wrong:
        print(f"{len(wrong)} differences from the truth:", *wrong[:20], sep="\n  ")
        return 1
    learners = len({learner for learner, _ in truth})
    print(f"Every score equals the truth: {len(truth)} scores of {learners} learners.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
