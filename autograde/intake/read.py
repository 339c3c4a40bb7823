"""From a path to JSON: nothing here believes what the file says about itself."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

LARGEST_FILE = 32 * 2**20
# A list of empty lists takes twenty times its size on disk once it is read, so the number of
# nested values is limited too. Honest notebooks with large plots stay far below.
MOST_VALUES = 4_000_000

SIGNATURES = {
    b"PK\x03\x04": "a zip archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x8b": "a compressed file",
    b"<<<<<<<": "the two halves of an unresolved git merge",
    b"<": "a web page",
}


class Quarantined(Exception):
    """A submission that can't be graded; str() is the one-line reason for people."""


def read_submission(path: Path) -> bytes:
    """The bytes of a submitted file. Follows no link and opens nothing but a regular file.

    Raises Quarantined with the reason.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > LARGEST_FILE:
            raise Quarantined(_too_large())
        try:
            data = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise Quarantined(f"The file can't be read ({error.strerror}).") from None
    if len(data) > LARGEST_FILE:  # it grew meanwhile, or lied about its size as files in /proc do
        raise Quarantined(_too_large())
    return data


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises Quarantined for a link, a FIFO, a device, ..."""
    # O_NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        if path.is_symlink():
            raise Quarantined("The file is a link, and links are not followed.")
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise Quarantined("The file is not there any more.") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise Quarantined(f"The file can't be opened ({said}).") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Quarantined("This is not a regular file (a folder, a pipe or a device).")
    return os.fdopen(descriptor, "rb")


def parse_json(data: bytes) -> tuple[Any, list[str]]:
    """The JSON value in `data`, and what had to be repaired to read it.

    Raises Quarantined with the reason.
    """
    if len(data) > LARGEST_FILE:
        raise Quarantined(_too_large())
    if not data.strip(b"\0 \t\r\n"):
        raise Quarantined("The file is empty.")
    head = data[:1000].lstrip()
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature):
            raise Quarantined(f"The file is {kind}, not a notebook.")
    if data.count(b"[") + data.count(b"{") > MOST_VALUES:
        raise Quarantined(f"The file holds more than {MOST_VALUES:,} values, as no notebook does.")
    text, repairs = _decode(data)
    try:
        return json.loads(text, parse_int=_number), repairs
    except RecursionError:
        raise Quarantined("The file is nested too deeply to be a notebook.") from None
    except json.JSONDecodeError as error:
        raise Quarantined(_why_not_json(text, error)) from None
    except (ValueError, MemoryError) as error:
        raise Quarantined(f"The file can't be read as JSON ({type(error).__name__}).") from None


def _decode(data: bytes) -> tuple[str, list[str]]:
    encoding = json.detect_encoding(data)
    repairs = []
    if encoding == "utf-8-sig":
        repairs.append("The file began with a byte order mark, which was removed.")
    elif encoding != "utf-8":
        repairs.append(f"The file was in {encoding.upper()[:6]} and was converted to UTF-8.")
    try:
        return data.decode(encoding), repairs
    except UnicodeDecodeError:
        if len(repairs) == 0:
            repairs.append("The file has bytes that are not UTF-8; each was replaced by \ufffd.")
        return data.decode(encoding, errors="replace"), repairs


def _number(digits: str) -> float:
    """An int, but Python refuses to read ints of thousands of digits; no field needs one."""
    return int(digits) if len(digits) < 20 else float(digits)


def _why_not_json(text: str, error: json.JSONDecodeError) -> str:
    if "\n<<<<<<< " in text and "\n>>>>>>> " in text:
        return "The file holds the marks of an unresolved git merge (<<<<<<<), so it is not JSON."
    where = f"line {error.lineno:,}"
    if text.lstrip().startswith("{"):
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            return f"The file breaks off at {where}; it was not saved or uploaded completely."
        return f"The file is not valid JSON ({error.msg} at {where})."
    return "The file is not a notebook: it is not JSON."


def _too_large() -> str:
    return (
        f"The file is larger than {LARGEST_FILE // 2**20} MB. Clear the outputs of the notebook "
        "and hand it in again."
    )
