"""Tokens: who may talk to the service, and as what. Only a token's hash is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass

from sqlalchemy import Engine, insert, select, update

from autograde.service.database import TOKENS, now, to_text
from chainrule.errors import UserError

PREFIX = "crt_"
# A learner's name also names folders, so it is what `chainrule submit` allows.
_NAME = re.compile(r"\w[\w.@+-]{0,63}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}")


@dataclass(frozen=True)
class Person:
    """Whoever a token was made for. token: the token's number in the database."""

    token: int
    name: str
    instructor: bool
    made: str = ""
    revoked: str | None = None


def hashed(secret: str) -> str:
    """The hash that is kept. A token has 256 random bits, so it needs no slow one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    def __init__(self, database: Engine) -> None:
        self.database = database

    def add(self, name: str, instructor: bool = False) -> str:
        """Make a token and return it; it can't be shown again.

        Raises UserError for a name that can't be one, or that has a token.
        """
        name = unicodedata.normalize("NFC", name)
        if not _NAME.fullmatch(name):
            raise UserError(
                f"{name!r} can't be a name here. Use letters, digits and . _ @ + - only, at most "
                "64, starting with a letter or digit."
            )
        for other in self.all():
            # Two names that differ in case alone are one folder on some machines.
            if other.name.casefold() != name.casefold():
                continue
            if other.revoked is None:
                raise UserError(
                    f"{other.name} has a token. If it is lost, first run: "
                    f"chainrule token revoke {other.name}"
                )
            if other.name != name:
                raise UserError(f"{other.name} was here before; {name} is too much like it.")
        token = PREFIX + secrets.token_urlsafe(32)
        with self.database.begin() as connection:
            connection.execute(
                insert(TOKENS).values(
                    name=name, instructor=instructor, hash=hashed(token), made=to_text(now())
                )
            )
        return token

    def revoke(self, name: str) -> None:
        """End a person's token and with it their sessions. Raises UserError when there is none."""
        name = unicodedata.normalize("NFC", name)
        valid = (TOKENS.c.name == name) & TOKENS.c.revoked.is_(None)
        with self.database.begin() as connection:
            done = connection.execute(update(TOKENS).where(valid).values(revoked=to_text(now())))
        if not done.rowcount:
            raise UserError(f"{name} has no token. `chainrule token list` shows who has one.")

    def all(self) -> list[Person]:
        """Everyone, revoked or not, by name."""
        with self.database.connect() as connection:
            rows = connection.execute(select(TOKENS).order_by(TOKENS.c.name, TOKENS.c.id))
            return [_person(row) for row in rows]

    def learners(self) -> list[str]:
        """The names of the learners who have a token now."""
        return [one.name for one in self.all() if not one.instructor and one.revoked is None]

    def find(self, token: str) -> Person | None:
        """Whose token it is; None for one that is not, or no longer, valid."""
        if not _TOKEN.fullmatch(token):
            return None
        return self._valid(TOKENS.c.hash == hashed(token))

    def by_number(self, number: int) -> Person | None:
        return self._valid(TOKENS.c.id == number)

    def _valid(self, which: object) -> Person | None:
        with self.database.connect() as connection:
            found = select(TOKENS).where(which, TOKENS.c.revoked.is_(None))  # type: ignore[arg-type]
            row = connection.execute(found).first()
        return _person(row) if row else None


def _person(row: object) -> Person:
    return Person(row.id, row.name, row.instructor, row.made, row.revoked)  # type: ignore[attr-defined]
