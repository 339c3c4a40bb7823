"""Figures: one quiet style, colours that colour-blind readers can tell apart, and alt text.

Importing this module sets matplotlib's style, so a learner's own plots match the course's.
"""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.figure import Figure

# Okabe and Ito's palette: distinct under every common form of colour blindness. Where two groups
# must be told apart, give them two markers or line styles as well.
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
RED = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
YELLOW = "#F0E442"
BLACK = "#222222"
GREY = "#767676"
COLOURS = [BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK]
SEQUENTIAL = "cividis"  # a colour map from little to much
DIVERGING = "PuOr"  # a colour map with a middle, such as zero or one half

DPI = 100
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": DPI,
    "figure.figsize": (7, 3.6),
    "font.size": 10,
    "grid.color": "#E6E6E6",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
}
plt.rcParams.update(STYLE)


def show(fig: Figure, alt: str) -> None:
    """Display a figure once, with its description, and close it.

    fig: the figure; it is closed, so that the notebook does not show it a second time.
    alt: what the picture shows, in a sentence or two, for readers who do not see it.
    Raises ValueError when `alt` is empty.
    """
    from IPython import get_ipython
    from IPython.display import display

    data, metadata = mimebundle(fig, alt)
    if get_ipython() is None:  # a plain script: there is nowhere to show a picture
        print(data["text/plain"])
    else:
        display(data, metadata=metadata, raw=True)


def mimebundle(fig: Figure, alt: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The figure as a notebook output, (data, metadata); closes the figure.

    JupyterLab gives a bare PNG no alt attribute, so the HTML twin carries it; the PNG is for
    programs that read no HTML, and its metadata is where nbconvert looks for alt text.
    """
    encoded = base64.b64encode(png(fig, alt)).decode("ascii")
    data = {
        "text/html": image_tag(encoded, alt),
        "image/png": encoded,
        "text/plain": f"[Figure] {alt}",
    }
    return data, {"image/png": {"alt": alt}}


def png(fig: Figure, alt: str) -> bytes:
    """The figure's PNG file, the same bytes every time; closes the figure.

    Raises ValueError when `alt` is empty: a picture never travels without its description.
    """
    if not alt.strip():
        raise ValueError(
            "A figure needs alt text: say in one sentence what it shows, "
            'as in plot.show(fig, alt="The loss falls from 0.69 to 0.05.").'
        )
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None, "Description": alt})
    plt.close(fig)
    return buffer.getvalue()


def image_tag(encoded: str, alt: str) -> str:
    """An <img> that holds its own picture (base64 PNG) and says what it shows."""
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{encoded}">'
