"""Taking in a file: streamed to disk, counted and hashed on the way, synced, and looked at."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from autograde.intake import Quarantined
from autograde.intake.read import parse_json
from autograde.service.limits import too_large
from autograde.service.refused import Refused

SECONDS = 120  # for one upload; whoever sends more slowly has to try again
ROOM = 256 * 2**20  # bytes of disk that stay free for grading

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Upload:
    """A file that has arrived and is on disk, under a passing name."""

    path: Path
    sha256: str
    size: int


@asynccontextmanager
async def received(chunks: AsyncIterator[bytes], folder: Path, most: int) -> AsyncIterator[Upload]:
    """What was sent, in a file that is gone again after the block.

    Raises Refused when it is empty, larger than `most` bytes, too slow, no notebook, or when
    there is no room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < ROOM + most:
        raise no_room()
    handle, name = tempfile.mkstemp(prefix="upload-", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            digest, size = hashlib.sha256(), 0
            try:
                async with asyncio.timeout(SECONDS):
                    async for chunk in chunks:
                        size += len(chunk)
                        if size > most:
                            raise too_large(most)
                        digest.update(chunk)
                        file.write(chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            except TimeoutError:
                raise Refused(
                    408, f"The notebook did not arrive within {SECONDS} s. Hand it in again."
                ) from None
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise no_room() from None
                raise
        await asyncio.to_thread(look_at, path)
        yield Upload(path, digest.hexdigest(), size)
    finally:
        path.unlink(missing_ok=True)


def look_at(path: Path) -> None:
    """Raises Refused, before it costs an attempt, for a file that is no notebook at all."""
    try:
        content, _ = parse_json(path.read_bytes())
    except Quarantined as reason:
        raise Refused(422, f"This was not taken: {reason}") from None
    if not isinstance(content, dict) or not {"cells", "worksheets"} & set(content):
        raise Refused(422, "This was not taken: the file is JSON, but not a notebook.")


def no_room() -> Refused:
    log.error("The disk is full: uploads are refused until there is room.")
    return Refused(507, "The service has no room left. Tell your instructor, and try again later.")


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
