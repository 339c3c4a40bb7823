"""Charts as inline SVG, drawn by hand: no script, no network, and each says itself in words.

Colours are Okabe and Ito's, which stay apart under every common form of colour blindness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from autograde.report.numbers import OUTCOMES, ItemNumbers
from autograde.report.page import number, plural, visible

BLUE, SKY, ORANGE, PURPLE = "#0072B2", "#56B4E9", "#E69F00", "#CC79A7"
GREY, PALE, INK = "#767676", "#E3E3E3", "#222222"
# For each outcome its fill and the ink that can be read on it.
FILLS = dict(
    zip(
        OUTCOMES,
        [
            (BLUE, "#FFFFFF"),
            (SKY, INK),
            (ORANGE, INK),
            (GREY, "#FFFFFF"),
            (PALE, INK),
            (PURPLE, INK),
        ],
        strict=True,
    )
)
WIDTH = 920


@dataclass(frozen=True)
class Bin:
    """Learners whose total is `low` or more and less than `high`."""

    low: float
    high: float
    learners: int

    @property
    def label(self) -> str:
        return f"{number(self.low)} to under {number(self.high)}"


def bins(totals: Sequence[float], out_of: float) -> list[Bin]:
    """The totals in at most 31 bins of a round width; full points have a bin of their own."""
    width = next((w for w in (1, 2, 5, 10, 20, 50) if out_of / w <= 30), out_of / 30)
    count = math.floor(out_of / width + 1e-9) + 1
    held = [0] * count
    for total in totals:
        held[max(0, min(count - 1, math.floor(total / width + 1e-9)))] += 1
    return [Bin(i * width, (i + 1) * width, n) for i, n in enumerate(held)]


def _svg(height: int, title: str, description: str, body: Sequence[Markup]) -> Markup:
    opening = Markup(
        '<svg role="img" viewBox="0 0 {} {}" width="{}" aria-label="{}">'
        "<title>{}</title><desc>{}</desc>"
    ).format(WIDTH, height, WIDTH, f"{title}. {description}", title, description)
    return opening + Markup("\n").join(body) + Markup("</svg>")


def _text(x: float, y: float, text: str, anchor: str = "start", fill: str = INK) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}" fill="{}">{}</text>').format(
        number(x), number(y), anchor, fill, visible(text)
    )


def _bar(x: float, y: float, width: float, height: float, fill: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>').format(
        number(x), number(y), number(width), number(height), fill
    )


def histogram(held: Sequence[Bin], unit: str = "points") -> Markup:
    """How many learners have how many points."""
    height, left, base = 220, 8, 180
    step = (WIDTH - 2 * left) / len(held)
    tallest = max((b.learners for b in held), default=0) or 1
    body = [_bar(left, base, WIDTH - 2 * left, 1, GREY)]
    every = math.ceil(len(held) / 16)
    for place, one in enumerate(held):
        x, tall = left + place * step, one.learners / tallest * (base - 24)
        if one.learners:
            body.append(_bar(x + 1, base - tall, max(step - 2, 1), tall, BLUE))
            body.append(_text(x + step / 2, base - tall - 5, str(one.learners), "middle"))
        if place % every == 0:
            body.append(_text(x + step / 2, base + 17, number(one.low), "middle"))
    body.append(_text(WIDTH / 2, height - 4, unit, "middle", GREY))
    most = max(held, key=lambda b: b.learners)
    said = f"The commonest is {most.label} {unit}, with {plural(most.learners, 'learner')}."
    return _svg(height, "How many learners have how many points", said, body)


def outcome_bars(numbers: Sequence[ItemNumbers]) -> Markup:
    """For each item one bar: how many got full points, some, none, and so on."""
    row, top = 26, 30
    left = min(240, 24 + 7 * max(len(one.item.name) for one in numbers))
    used = [name for name in OUTCOMES if any(one.outcomes[name] for one in numbers)]
    most = max(sum(one.outcomes.values()) for one in numbers) or 1
    body, x = [], 0.0
    for name in used:
        body += [_bar(x, 4, 12, 12, FILLS[name][0]), _text(x + 17, 14, name)]
        x += 34 + 6.6 * len(name)
    for place, one in enumerate(numbers):
        y, x = top + place * row, float(left)
        body.append(_text(left - 10, y + 15, one.item.name, "end"))
        for name in used:
            wide = one.outcomes[name] / most * (WIDTH - left)
            if not one.outcomes[name]:
                continue
            body.append(_bar(x, y, max(wide - 1, 1), row - 6, FILLS[name][0]))
            if wide > 8 + 7 * len(str(one.outcomes[name])):
                label = str(one.outcomes[name])
                body.append(_text(x + wide / 2, y + 15, label, "middle", FILLS[name][1]))
            x += wide
    said = "One bar for each exercise; the same numbers are in the table under it."
    return _svg(top + row * len(numbers), "How the class did on each exercise", said, body)


def small_bar(share: float, fill: str = BLUE) -> Markup:
    """A bar beside a number that says the same, so readers of the page's text lose nothing."""
    share = max(0.0, min(1.0, share))
    return Markup(
        '<svg aria-hidden="true" class="bar" viewBox="0 0 80 10" width="80" height="10">'
        '<rect width="80" height="10" fill="{}"/><rect width="{}" height="10" fill="{}"/></svg>'
    ).format(PALE, number(80 * share), fill)
