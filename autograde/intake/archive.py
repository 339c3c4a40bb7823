"""Zip archives from learners and learning platforms, unpacked without trusting a word in them.

Nothing is ever written under a name from an archive: notebooks get numbered folders in a scratch
folder, and the archive's own names serve only to tell whose they are.
"""

from __future__ import annotations

import io
import lzma
import stat
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from autograde.intake.read import LARGEST_FILE, Quarantined, open_regular

MOST_ENTRIES = 100_000
MOST_BYTES = 4 * 2**30  # of all archives of a class together
LARGEST_INNER_ZIP = 64 * 2**20
RATIO = 200  # notebooks full of text shrink to a tenth; only a bomb shrinks like this
RATIO_FROM = 2**20
LONGEST_PART = 255  # of a file name, as on a disk
SYSTEM_FOLDERS = ("__MACOSX", ".ipynb_checkpoints")

BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
BROKEN += (NotImplementedError, RuntimeError, UnicodeError)  # type: ignore[assignment]


@dataclass(frozen=True)
class Entry:
    """One file that was handed in.

    parts: where it lay, folders and archives included: ("ada", "01_neuron", "neuron.ipynb").
    path: where it can be read now. problem: why it can't be.
    """

    parts: tuple[str, ...]
    path: Path
    problem: str | None = None

    @property
    def is_notebook(self) -> bool:
        return self.parts[-1].lower().endswith(".ipynb")


@dataclass
class Scratch:
    """Where archives are unpacked, and how much they may still fill."""

    folder: Path
    bytes_left: int = MOST_BYTES
    entries_left: int = MOST_ENTRIES
    files: int = 0
    _own: Path | None = field(default=None, repr=False)

    def write(self, data: bytes, name: str) -> Path:
        if self._own is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._own = Path(tempfile.mkdtemp(prefix="unpacked-", dir=self.folder))
        self.files += 1
        path = self._own / f"{self.files:06}" / name
        path.parent.mkdir()
        path.write_bytes(data)
        return path


def unpack(archive: Path, scratch: Scratch, name: str) -> list[Entry]:
    """The entries of a zip archive; its notebooks are written into scratch as `name`.

    Archives inside it are opened too, one level deep. Entries that can't be taken have a problem.
    Raises Quarantined when the archive itself can't be read.
    """
    with open_regular(archive) as file:
        return list(_entries(file, archive, scratch, name, inner=False))


def _entries(
    file: BinaryIO, archive: Path, scratch: Scratch, name: str, inner: bool
) -> Iterator[Entry]:
    try:
        opened = zipfile.ZipFile(file)
    except BROKEN as error:
        raise Quarantined(
            f"{archive.name} is not a zip archive that can be read ({error})."
        ) from None
    with opened:
        infos = [info for info in opened.infolist() if info.filename and not info.is_dir()]
        scratch.entries_left -= len(infos)
        if scratch.entries_left < 0:
            raise Quarantined(f"{archive.name} holds too many files (more than {MOST_ENTRIES:,}).")
        times = Counter(info.filename for info in infos)
        for info in infos:
            parts = _safe_parts(info)
            if not parts or parts[-1].startswith(".") or set(parts) & set(SYSTEM_FOLDERS):
                continue
            try:
                if times[info.filename] > 1:
                    raise Quarantined(f"{archive.name} holds {parts[-1]} more than once.")
                yield from _entry(opened, info, parts, archive, scratch, name, inner)
            except Quarantined as reason:
                yield Entry(parts, archive, str(reason))


def _entry(
    opened: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    parts: tuple[str, ...],
    archive: Path,
    scratch: Scratch,
    name: str,
    inner: bool,
) -> Iterator[Entry]:
    entry = Entry(parts, archive)
    _refuse_unsafe(info, archive)
    if entry.is_notebook:
        data = _read(opened, info, archive, scratch, LARGEST_FILE)
        yield Entry(parts, scratch.write(data, name))
    elif parts[-1].lower().endswith(".zip") and not inner:
        data = _read(opened, info, archive, scratch, LARGEST_INNER_ZIP)
        for found in _entries(io.BytesIO(data), archive, scratch, name, inner=True):
            yield Entry((*parts, *found.parts), found.path, found.problem)
    else:
        yield entry


def _refuse_unsafe(info: zipfile.ZipInfo, archive: Path) -> None:
    written = info.orig_filename.replace("\\", "/")
    if written.startswith("/") or ".." in written.split("/") or written[1:2] == ":":
        raise Quarantined(f"{archive.name} holds a file whose name points outside of it.")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Quarantined(f"{archive.name} holds a link, and links are not followed.")
    if info.flag_bits & 1:
        raise Quarantined(f"{archive.name} is encrypted. Hand it in without a password.")


def _read(
    opened: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    archive: Path,
    scratch: Scratch,
    largest: int,
) -> bytes:
    """The bytes of an entry, reading no more than is allowed whatever its header says."""
    # Python unpacks bzip2 and LZMA without a bound on what one read may yield.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Quarantined(f"{archive.name} uses a compression other than deflate. Zip it again.")
    if info.file_size > RATIO_FROM and info.file_size > RATIO * max(info.compress_size, 1):
        raise Quarantined(f"{archive.name} unpacks to far more than its size, as no notebook does.")
    try:
        with opened.open(info) as file:
            data = file.read(largest + 1)
    except BROKEN as error:
        said = type(error).__name__
        raise Quarantined(f"{archive.name} is damaged: an entry can't be read ({said}).") from None
    if len(data) > largest:
        raise Quarantined(f"{archive.name} holds a file larger than {largest // 2**20} MB.")
    scratch.bytes_left -= len(data)
    if scratch.bytes_left < 0:
        raise Quarantined(f"The archives hold more than {MOST_BYTES // 2**30} GB together.")
    return data


def _safe_parts(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """The folders and the name of an entry, without anything that points elsewhere."""
    written = info.filename
    if not info.flag_bits & 0x800:  # macOS writes UTF-8 without saying so
        try:
            written = written.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    parts = written.replace("\\", "/").split("/")
    return tuple(part[:LONGEST_PART] for part in parts if part not in ("", ".", ".."))
