"""A learner's notebook as HTML: markdown rendered and cleaned, code coloured, outputs as text.

What the whole class was given is the same text in every submission, so rendering is cached.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import bleach
import mistune
from markupsafe import Markup, escape
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograde.cohort.results import ExerciseResult
from autograde.report.page import visible

# Parsers can be slow on text made to slow them, so only text of a reasonable length is parsed;
# longer text is shown as it is, and only its beginning.
PARSED_CHARACTERS = 12_000
SHOWN_CHARACTERS = 60_000
PAGE_CHARACTERS = 400_000  # in all cells together; the few after that are cut short

_TAGS = frozenset(
    "a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol "
    "p pre s span strong sub summary sup table tbody td tfoot th thead tr ul".split()
)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
_ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\^_])")
_OVERWRITTEN = re.compile(r"^.*\r(?=[^\n])", re.MULTILINE)  # a progress bar's earlier states


@dataclass(frozen=True)
class CellView:
    """One cell ready to print. `note`: why it is special; `result`: the verdict to put under it."""

    kind: str
    html: Markup
    note: str
    outputs: list[Markup]
    result: ExerciseResult | None


def cell_views(
    notebook: NotebookNode,
    results: Mapping[str, ExerciseResult],
    outputs: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[CellView]:
    """The notebook's cells, each result once, under the cell that was graded.

    outputs: cell id to nbformat outputs, as captured when grading.
    """
    left = dict(results)
    room = PAGE_CHARACTERS
    views = []
    for cell in notebook.cells:
        named = cell.metadata.get("chainrule", {})
        graded = named.get("exercise") or named.get("question") or ""
        source = _joined(cell.get("source", ""))
        room -= len(source)
        views.append(
            CellView(
                kind=cell.cell_type,
                html=_source(cell.cell_type, source) if room >= 0 else _plain(source, 500),
                note=_note(cell),
                outputs=[html for o in outputs.get(cell.get("id", ""), ()) if (html := _output(o))],
                result=left.pop(graded, None),
            )
        )
    return views


def _source(kind: str, source: str) -> Markup:
    return markdown(source) if kind == "markdown" else code(source)


def _note(cell: NotebookNode) -> str:
    tags = cell.metadata.get("tags", [])
    if str(cell.get("id", "")).startswith("added-"):
        return "a cell you added"
    if cell.cell_type == "code" and ("setup" in tags or "demo" in tags):
        return "not run when grading"
    return ""


# --- code and outputs --------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def code(source: str) -> Markup:
    """Python in a block, coloured by style classes. Long text is not coloured."""
    text = visible(source)
    if len(text) > PARSED_CHARACTERS:
        return _plain(text)
    coloured = Markup(highlight(text, _lexer(), _formatter()).rstrip("\n"))
    return Markup('<pre class="source">{}</pre>').format(coloured)


def _plain(text: str, most: int = SHOWN_CHARACTERS) -> Markup:
    """Text as it was written, and only its beginning if it is long."""
    return Markup('<pre class="source">{}</pre>').format(_clipped(visible(text), most))


@cache
def _lexer() -> PythonLexer:
    return PythonLexer(stripnl=False)


@cache
def _formatter() -> HtmlFormatter:
    return HtmlFormatter(nowrap=True)


def _output(output: Mapping[str, Any]) -> Markup:
    """A stream, an error or a text result as preformatted text."""
    kind = output.get("output_type")
    if kind == "error":
        traceback = "\n".join(str(line) for line in output.get("traceback") or ())
        text = traceback or f"{output.get('ename', '')}: {output.get('evalue', '')}"
    elif kind == "stream":
        text = _joined(output.get("text", ""))
    else:
        data = output.get("data")
        text = _joined(data.get("text/plain", "")) if isinstance(data, Mapping) else ""
    text = _OVERWRITTEN.sub("", _ANSI.sub("", text).replace("\r\n", "\n"))
    text = visible(_clipped(text.rstrip()))
    if not text:
        return Markup()
    name = "error" if kind == "error" or output.get("name") == "stderr" else "text"
    return Markup('<pre class="output {}">{}</pre>').format(name, text)


def _joined(value: Any) -> str:
    """nbformat writes text as a string or as a list of lines."""
    return value if isinstance(value, str) else "".join(map(str, value or ()))


def _clipped(text: str, most: int = SHOWN_CHARACTERS) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}\n[{len(text) - most} further characters not shown]"


# --- markdown ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def markdown(source: str) -> Markup:
    """Markdown as clean HTML: no scripts, styles, forms, frames or pictures from elsewhere."""
    text = visible(source)
    if len(text) <= PARSED_CHARACTERS:
        try:
            rendered = _parser()(text)
            assert isinstance(rendered, str)
            return Markup(_cleaner().clean(rendered))
        except (RecursionError, ValueError, IndexError, AssertionError):
            pass  # text that defeats the parser is shown as it was written
    return _plain(text)


class _Renderer(mistune.HTMLRenderer):
    """Formulas stay as TeX, since a page without scripts can't typeset them."""

    def inline_math(self, text: str) -> str:
        return f'<code class="tex">{escape(text)}</code>'

    def block_math(self, text: str) -> str:
        return f'<pre><code class="tex">{escape(text.strip())}</code></pre>\n'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if _PICTURE.fullmatch(url):
            return f'<img src="{escape(url)}" alt="{escape(text)}">'
        return f"[{escape(text or 'a picture')}]"


@cache
def _parser() -> mistune.Markdown:
    return mistune.create_markdown(
        renderer=_Renderer(escape=False), plugins=["table", "strikethrough", "math"]
    )


def _allowed(tag: str, name: str, value: str) -> bool:
    if tag == "a":
        return name == "href" and not value.lower().lstrip().startswith("data")
    if tag == "img":
        return name == "alt" or (name == "src" and _PICTURE.fullmatch(value) is not None)
    if tag == "ol":
        return name == "start" and value.isdecimal()
    return tag == "code" and name == "class" and value == "tex"


@cache
def _cleaner() -> bleach.Cleaner:
    return bleach.Cleaner(
        tags=_TAGS, attributes=_allowed, protocols=["http", "https", "mailto", "data"], strip=False
    )
