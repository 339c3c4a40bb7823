"""What a grading keeps of a submission, so that a fix to the unit needs no second run of it.

The notebook's bytes and every reply of the sandbox, one compressed file per learner. With the same
questions the replies are judged again as they are; with others the notebook is run again.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

from autograde.sandbox import Reply, Run
from chainrule.observe import pack, unpack

MAX_BYTES = 512 * 1024 * 1024  # of one file, unpacked; more is a damaged file


@dataclass(frozen=True)
class Kept:
    """A submission's bytes and what it answered.

    asked: exercise -> a hash of the questions. replies: exercise -> one (observation packed, or
    the sentence why there is none) per case. outputs and limits_hit as in Run.
    """

    data: bytes
    asked: Mapping[str, str]
    replies: Mapping[str, list[tuple[bytes | None, str | None]]]
    outputs: Mapping[str, Any]
    limits_hit: tuple[str, ...]

    @classmethod
    def of(cls, data: bytes, asked: Mapping[str, str], run: Run) -> Kept | None:
        """None when the sandbox failed: nothing of that run may ever be judged."""
        if run.failure:
            return None
        replies = {
            name: [(None if r.problem else pack(r.observation), r.problem) for r in of_one]
            for name, of_one in run.replies.items()
        }
        return cls(data, asked, replies, run.outputs, tuple(run.limits_hit))

    def answers(self, asked: Mapping[str, str]) -> bool:
        """Whether the replies are to exactly these questions."""
        return dict(self.asked) == dict(asked)

    def run(self) -> Run:
        """What the sandbox said then."""
        replies = {
            name: [Reply(None if seen is None else unpack(seen), why) for seen, why in of_one]
            for name, of_one in self.replies.items()
        }
        return Run(dict(self.outputs), replies, list(self.limits_hit))

    def to_bytes(self) -> bytes:
        fields = [self.data, dict(self.asked), dict(self.replies), dict(self.outputs)]
        return zlib.compress(msgpack.packb([*fields, list(self.limits_hit)]), 1)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Kept:
        """Raises ValueError when the bytes are damaged."""
        try:
            unpacked = zlib.decompressobj().decompress(stored, MAX_BYTES)
            data, asked, replies, outputs, limits_hit = msgpack.unpackb(unpacked)
            pairs = {name: [(seen, why) for seen, why in of] for name, of in replies.items()}
            return cls(bytes(data), asked, pairs, outputs, tuple(limits_hit))
        except (zlib.error, msgpack.UnpackException, TypeError, AttributeError) as error:
            raise ValueError(f"damaged: {error}") from None


def read_kept(path: Path, sha256: str) -> Kept | None:
    """What is kept of the submission with this hash; None when it is gone or damaged."""
    try:
        kept = Kept.from_bytes(path.read_bytes())
    except (OSError, ValueError):
        return None
    return kept if hashlib.sha256(kept.data).hexdigest() == sha256 else None
