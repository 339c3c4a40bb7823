"""Seven tragedies by Shakespeare, one after the other. Provenance and licence: shakespeare.md."""

from __future__ import annotations

import os
from importlib.resources import as_file, files

import numpy as np

from chainrule.data._download import MIRROR_VARIABLE, RETRIES, RemoteFile, cache_folder, fetch
from chainrule.errors import UserError

PLAYS = (
    "Richard III",
    "Romeo and Juliet",
    "Julius Caesar",
    "Othello",
    "King Lear",
    "Macbeth",
    "Hamlet",
)
TINY = RemoteFile(
    "input.txt",
    1_115_394,
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ending="",
)
OFFICIAL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
MIRROR = "https://cdn.jsdelivr.net/gh/karpathy/char-rnn@master/data/tinyshakespeare/"


def shakespeare(*, full: bool = False, mirror: str | None = None) -> str:
    """The text of seven tragedies, 1,017,065 characters of plain ASCII, without a network.

    full: download the text known as tiny Shakespeare on first use (1.1 MB) instead. It is taken
        from more plays, and it is the one that published figures are measured on.
    mirror: a base URL for the download, used when the official address fails; default: the
        environment variable CHAINRULE_DATA_MIRROR, then a public mirror.
    Raises UserError when the full text can't be had.
    """
    return tiny(mirror) if full else bundled()


def bundled() -> str:
    with (
        as_file(files(__package__).joinpath("shakespeare.npz")) as path,
        np.load(path, allow_pickle=False) as file,
    ):
        return file["text"].tobytes().decode("ascii")


def tiny(mirror: str | None = None, retries: int = RETRIES) -> str:
    """Tiny Shakespeare, from the cache or downloaded. Raises UserError when it can't be had."""
    base = mirror or os.environ.get(MIRROR_VARIABLE)
    second = f"{base.rstrip('/')}/shakespeare/" if base else MIRROR
    try:
        folder = cache_folder("shakespeare")
        (path,) = fetch("Tiny Shakespeare", [TINY], [OFFICIAL, second], folder, retries)
    except UserError as error:
        raise UserError(
            f"{error} Run the cell again when there is a network, or name a mirror that you can "
            'reach: data.shakespeare(full=True, mirror="https://..."). Until then '
            "data.shakespeare() gives the bundled plays, which need no network."
        ) from None
    return path.read_text("ascii")
