"""What an attack is, what it can know, and what is seen of it from outside."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

UNIT, NOTEBOOK = "01_neuron", "neuron.ipynb"
PROMISES = {
    1: "No points without the right answer",
    2: "Nothing leaks",
    3: "Nothing is harmed",
    4: "Nothing is lost",
    5: "Nothing is silently uncertain",
}


@dataclass(frozen=True)
class Target:
    """What an attacker is assumed to know: where everything is. `secrets` are what must not get
    out, by where they were planted; the traps are reached under the attack's own name."""

    clone: Path
    class_folder: Path
    submitted: Path
    home: Path
    tcp: int
    udp: int
    abstract: str
    socket: Path
    victim: int
    secrets: dict[str, str]

    def fill(self, code: str, name: str) -> str:
        """The code with @CLONE@, @HOME@, @PORT@ ... replaced."""
        values = {
            "CLONE": self.clone,
            "CLASS": self.class_folder,
            "SUBMITTED": self.submitted,
            "HOME": self.home,
            "TCP": self.tcp,
            "UDP": self.udp,
            "ABSTRACT": self.abstract,
            "SOCKET": self.socket,
            "VICTIM": self.victim,
            "NAME": name,
        }
        return re.sub(r"@([A-Z]+)@", lambda found: str(values[found[1]]), code)


@dataclass
class Outcome:
    """What is seen, from outside, of one attack after grading.

    score: points on record (None: no score). status: of the record, "" when there is none.
    record: the whole record (ours only). said: everything that the learner gets to read.
    seconds: what its grading took. reached: which traps it reached.
    class_harm: what happened to the class, "" when all of it is as it would have been.
    """

    score: float | None = None
    status: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    said: str = ""
    seconds: float = 0.0
    reached: list[str] = field(default_factory=list)
    class_harm: str = ""
    target: Target | None = None


Verdict = Callable[[Outcome], str]  # what the attack achieved; "" when nothing


@dataclass(frozen=True)
class Attack:
    """One attack.

    success: what success would look like. succeeded: decides that from what is seen outside.
    How it is made: `code` goes into the first exercise's cell; `notebook` changes the notebook
    that is handed in, or replaces it by bytes; `place` writes files into the folder of
    submissions; `stage` does all of it in a class of its own and says what it achieved.
    plain: whether plain nbgrader meets it too. quick: whether `make test` tries it.
    """

    name: str
    promise: int
    success: str
    succeeded: Verdict = lambda outcome: ""
    code: str = ""
    notebook: Callable[[dict, Target, str], dict | bytes] | None = None
    place: Callable[[Path, Target, str], None] | None = None
    stage: Callable[..., str] | None = None
    plain: bool = True
    quick: bool = False

    @property
    def on_plain(self) -> bool:
        return self.plain and self.stage is None


# --- ways to decide ----------------------------------------------------------------------------


def earns(outcome: Outcome) -> str:
    return f"earned {outcome.score:g} points" if outcome.score else ""


def tells(secret: str) -> Verdict:
    """The planted secret stands in something that the learner reads."""

    def decide(outcome: Outcome) -> str:
        assert outcome.target is not None
        return f"read {secret}" if outcome.target.secrets[secret] in outcome.said else ""

    return decide


def says(text: str) -> Verdict:
    return lambda outcome: f"the learner reads {text!r}" if text in outcome.said else ""


def reaches(trap: str) -> Verdict:
    return lambda outcome: f"reached {trap}" if trap in outcome.reached else ""


def harms(outcome: Outcome) -> str:
    """The class did not get what it should, or this submission was lost or took too long."""
    if outcome.class_harm:
        return outcome.class_harm
    if not outcome.status:
        return "the submission has no record"
    return f"took {outcome.seconds:.0f} s" if outcome.seconds > 60 else ""


def any_of(*ways: Verdict) -> Verdict:
    return lambda outcome: next((said for way in ways if (said := way(outcome))), "")


# --- ways to make a submission -----------------------------------------------------------------

NO_ANSWER = "def weighted_sum(inputs, weights, bias):\n    return 0.0\n\n\n"


def cell(notebook: dict, kind: str, name: str) -> dict:
    """The notebook's cell of an exercise, a check or a question."""
    for one in notebook["cells"]:
        if one["metadata"].get("chainrule", {}).get(kind) == name:
            return one
    raise KeyError(f"no {kind} cell of {name}")


def with_code(notebook: dict, code: str) -> dict:
    """The code in the first exercise's cell, with a wrong answer if it brings none."""
    if "weighted_sum" not in re.findall(r"^(?:def )?(\w+)", code, re.MULTILINE):
        code = NO_ANSWER + code  # first, so that code may replace it
    cell(notebook, "exercise", "weighted_sum")["source"] = code
    return notebook


def cheat(name: str, code: str, **more: Any) -> Attack:
    """An attack of promise 1: code that gets points for a wrong answer."""
    success = more.pop("success", "points for a function that always returns 0.0")
    return Attack(name, 1, success, more.pop("succeeded", earns), code, **more)
