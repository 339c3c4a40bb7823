"""What the pages share: safe text, numbers, the words for a status, and the Jinja environment.

The pages show what learners wrote, so nothing in them is trusted: templates escape, the
Content-Security-Policy allows no script at all and only this module's style sheet, and control
characters are made visible.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from autograde.cohort.results import BLOCKED, MISSING, QUARANTINED, CaseResult, ExerciseResult

TEMPLATES = Path(__file__).parent / "templates"

# Control characters but tab and newline, the bidirectional overrides that make text read
# differently from what it is, and halves of surrogate pairs, which no file can hold.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str) -> str:
    """`text` with every character that hides or reorders others replaced by its name."""
    return _UNSAFE.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)


def number(value: float | None) -> str:
    """2, 1.5, 0.67; "" for None."""
    if value is None:
        return ""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def when(moment: str) -> str:
    """2026-01-05 10:00 UTC, for an ISO time; any other text as it is."""
    try:
        return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return moment


def plural(count: int, one: str, many: str = "") -> str:
    """1 learner, 2 learners."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def breakable(name: str) -> Markup:
    """A long Python name that may wrap after an underscore."""
    return escape(visible(name)).replace("_", Markup("_<wbr>"))


def names(learners: list[str], most: int = 8) -> str:
    """ada, ben, cy and 40 more"""
    shown = ", ".join(learners[:most])
    return shown if len(learners) <= most else f"{shown} and {len(learners) - most} more"


def verdict(result: ExerciseResult) -> tuple[str, str]:
    """A style class and the words for a result: ("right", "right")."""
    if result.status == QUARANTINED:
        return "waits", "not read"
    if result.score is None:
        return "waits", "no score yet"
    if result.status == BLOCKED:
        return "blocked", f"blocked by {result.blocked_by}"
    if result.status == MISSING:
        return "missing", "not written"
    if result.score >= result.max_score:
        return "right", "right"
    return ("partly", "partly right") if result.score > 0 else ("wrong", "not right yet")


def first_failure(result: ExerciseResult) -> CaseResult | None:
    """The first case that cost points; None when none did."""
    return next((case for case in result.cases if case.weight and not case.passed), None)


def seen(result: ExerciseResult) -> str:
    """The one sentence that helps most: the mistake, what blocks it, or the first difference."""
    if result.mistake:
        return result.mistake
    if result.status == BLOCKED:
        by = result.blocked_by
        return f"It needs {by}, which is not right yet. Mend {by} first; then this can earn points."
    if (case := first_failure(result)) is not None and case.message:
        return f"In “{case.name}”: {case.message}"
    return result.reason[:1].upper() + result.reason[1:]


@cache
def style() -> Markup:
    return Markup((TEMPLATES / "page.css").read_text("utf-8"))


@cache
def policy() -> str:
    """No script, no network, no form; the one style sheet by its hash; pictures only inline."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _finalize(value: Any) -> Any:
    """Every value a template prints passes here, before it is escaped."""
    if value is None:
        return ""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


@cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    env.globals.update(
        style=style, policy=policy, verdict=verdict, seen=seen, plural=plural, names=names
    )
    env.filters.update(number=number, when=when, breakable=breakable)
    return env


def render(template: str, **values: Any) -> str:
    """A page. What the template prints is made visible and escaped, unless it is Markup."""
    return environment().get_template(template).render(**values)
