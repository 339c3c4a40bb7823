"""Full data sets: downloaded once, checked, kept in a cache.

pooch does the work (cache, checksum, retries, a file appears only when it is whole). A checksum is
that of the *unpacked* file: a mirror may pack it anew, its content must be the same.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.errors import UserError

MIRROR_VARIABLE = "CHAINRULE_DATA_MIRROR"
CACHE_VARIABLE = "CHAINRULE_DATA_CACHE"
RETRIES = 2
SECONDS_TO_CONNECT, SECONDS_WITHOUT_DATA = 5, 30
CHUNK = 65_536


@dataclass(frozen=True)
class RemoteFile:
    """A file offered as `<name>.gz`; `size` (bytes) and `sha256` are those of the unpacked file.

    ending: what stands behind the name in the URL; "" where the file is offered unpacked.
    """

    name: str
    size: int
    sha256: str
    ending: str = ".gz"


class Refused(Exception):
    """The server answers, but not with the file: trying again would not help."""


class Damaged(ValueError):
    """What arrived is not the file. pooch tries again after a ValueError."""


def fetch(
    title: str,
    files: Sequence[RemoteFile],
    bases: Sequence[str],
    folder: Path,
    retries: int = RETRIES,
) -> list[Path]:
    """The unpacked files, from the cache or else from the first base that delivers them all.

    title: what messages call the set. bases: URLs below which the files are looked for, in order.
    folder: where the files are kept; it is made when something is downloaded.
    Raises UserError when no base delivers, or when the folder can't be written to.
    """
    reasons = []
    for base in bases:
        try:
            return [_fetch_one(title, file, base, folder, retries) for file in files]
        except (Refused, ValueError, OSError) as error:
            reasons.append(f"{base} {_reason(error, folder)}")
    raise UserError(f"{title} could not be downloaded. {'. '.join(reasons)}.")


def cache_folder(name: str) -> Path:
    """Where the data set's files are kept: below CHAINRULE_DATA_CACHE or the system's cache."""
    import pooch

    return Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("chainrule")) / name


def _fetch_one(title: str, file: RemoteFile, base: str, folder: Path, retries: int) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # the progress bar says what is being downloaded
    keeper = pooch.create(
        path=folder,
        base_url=base,
        registry={file.name: f"sha256:{file.sha256}"},
        urls={file.name: f"{base.rstrip('/')}/{file.name}{file.ending}"},
        retry_if_failed=retries,
    )
    return Path(keeper.fetch(file.name, downloader=_Unpacker(file, f"{title}, {file.name}")))


class _Unpacker:
    """A downloader for pooch: it writes the unpacked file, whose checksum pooch then checks."""

    def __init__(self, file: RemoteFile, label: str) -> None:
        self.file = file
        self.label = label

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        from pooch import HTTPDownloader
        from requests.exceptions import HTTPError
        from tqdm import tqdm

        size = self.file.size
        packed = _Limited(size + size // 100 + 1024)  # gzip adds a little to what it can't shrink
        # pooch puts the packed size in place of `total` when the server says it.
        bar = tqdm(desc=self.label, total=size, unit="B", unit_scale=True, leave=False)
        download = HTTPDownloader(
            progressbar=bar, chunk_size=CHUNK, timeout=(SECONDS_TO_CONNECT, SECONDS_WITHOUT_DATA)
        )
        try:
            download(url, packed, pooch)
        except HTTPError as error:
            status = error.response.status_code if error.response is not None else 500
            kind = Refused if status < 500 else Damaged  # a 503 may be gone in a moment
            raise kind(f"answers {status} for {self.file.name}{self.file.ending}") from None
        finally:
            bar.close()
        Path(output_file).write_bytes(unpacked(packed.getvalue(), size))


class _Limited(io.BytesIO):
    """Bytes in memory, up to a limit."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.limit:
            raise Damaged(f"sends more than {self.limit:,} bytes, more than the file has")
        return super().write(data)


def unpacked(data: bytes, size: int) -> bytes:
    """The content of gzip data, at most `size` bytes.

    Data that is not gzip is passed on as it is: some servers unpack on the way.
    Raises Damaged when the data ends early, is broken, or unpacks to more than `size` bytes.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        content = gzip.GzipFile(fileobj=io.BytesIO(data)).read(size + 1)
    except EOFError:
        raise Damaged("sends a file that ends too early") from None
    except (OSError, zlib.error) as error:
        raise Damaged(f"sends a file that can't be unpacked ({error})") from None
    if len(content) > size:
        raise Damaged(f"sends a file that unpacks to more than its {size:,} bytes")
    return content


def _reason(error: Exception, folder: Path) -> str:
    """Why a base did not deliver, to be read after its URL.

    Raises UserError when it was not the base's fault but the folder's.
    """
    from requests import exceptions

    if isinstance(error, Refused | Damaged):
        return str(error)
    if isinstance(error, exceptions.Timeout):
        return "does not answer in time"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "breaks off in the middle of a file"
    if isinstance(error, exceptions.ConnectionError):
        return "can't be reached"
    if isinstance(error, exceptions.RequestException):
        return f"is not an address to download from ({error})"
    if isinstance(error, ValueError):  # pooch's: the checksum
        return "sends a file with a wrong checksum, so not the one that was asked for"
    raise UserError(
        f"Downloads can't be kept in {folder} ({error}). "
        f"Free some space there, or set {CACHE_VARIABLE} to a folder that you can write to."
    ) from None
