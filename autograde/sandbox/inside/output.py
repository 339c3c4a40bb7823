"""What one cell prints and how it ends, clipped."""

from __future__ import annotations

import io
import os
import traceback
from types import TracebackType
from typing import Any

MAX_MESSAGE = 2000
MAX_FRAMES = 10  # shown of a traceback; a recursion error has a thousand


class CellOutput:
    """Collects stdout and stderr in the order written, up to `limit` bytes together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.chunks: list[tuple[str, bytearray]] = []

    def add(self, name: str, data: bytes) -> None:
        kept = data[: max(0, self.limit - self.size)]
        self.size += len(data)
        if not kept:
            return
        if not self.chunks or self.chunks[-1][0] != name:
            self.chunks.append((name, bytearray()))
        self.chunks[-1][1].extend(kept)

    def stream(self, name: str) -> io.TextIOWrapper:
        """A text stream that stands in for sys.stdout or sys.stderr."""
        raw: Any = _Raw(self, name)
        return io.TextIOWrapper(raw, "utf-8", "replace", newline="", write_through=True)

    def streams(self) -> list[tuple[str, str]]:
        """(name, text) in the order written."""
        texts = [(name, data.decode("utf-8", "replace")) for name, data in self.chunks]
        if self.size > self.limit:
            texts.append(("stderr", f"\n(output cut at {self.limit // 1024} kB)\n"))
        return texts


class _Raw(io.RawIOBase):
    def __init__(self, output: CellOutput, name: str) -> None:
        self._output, self._name = output, name

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._output.add(self._name, bytes(data))
        return len(data)


def describe_error(error: BaseException, cell: str) -> dict[str, Any]:
    """ename, evalue and a plain traceback that starts in the cell called `cell`."""
    name = type(error).__name__
    try:
        message = str(error)[:MAX_MESSAGE]
    except Exception:
        message = "(its message could not be printed)"
    lines = _frame_lines(error.__traceback__, cell)
    if isinstance(error, SyntaxError):
        lines += [line.rstrip("\n") for line in traceback.format_exception_only(error)[1:-1]]
    lines.append(f"{name}: {message}" if message else name)
    return {"ename": name, "evalue": message, "traceback": lines}


def _frame_lines(trace: TracebackType | None, cell: str) -> list[str]:
    frames = [f for f in traceback.extract_tb(trace, limit=-200) if not _is_ours(f.filename)]
    start = next((i for i, frame in enumerate(frames) if _is_cell(frame.filename)), len(frames))
    frames = frames[start:]
    lines = []
    for frame in frames[:MAX_FRAMES]:
        place = frame.filename.strip("<>")
        place = "this cell" if place == f"cell {cell}" else place
        lines.append(f"{place}, line {frame.lineno}, in {frame.name}")
        if frame.line:
            lines.append(f"    {frame.line[:200]}")
    if len(frames) > MAX_FRAMES:
        lines.append(f"... {len(frames) - MAX_FRAMES} more")
    return lines


def _is_ours(filename: str) -> bool:
    return os.path.dirname(filename) == os.path.dirname(__file__)


def _is_cell(filename: str) -> bool:
    return filename.startswith("<cell ")
