"""Handwritten digits of 8 by 8 pixels. Provenance and licence: digits.md."""

from __future__ import annotations

from chainrule.data._images import Images, bundled


def digits() -> Images:
    """1,797 digits, 8 by 8, shades 0 to 16: 1,438 for training, 359 for testing; no network."""
    return bundled("digits", tuple("0123456789"))
