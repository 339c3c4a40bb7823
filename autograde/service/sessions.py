"""Sessions of the pages: a random name in a cookie, of which only the hash is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, delete, insert, select

from autograde.service.database import SESSIONS, now, to_text
from autograde.service.tokens import Person, Tokens, hashed

COOKIE = "chainrule_session"
LOGIN_COOKIE = "chainrule_login"  # ties the login form to the browser that asked for it
HOURS = 12


@dataclass(frozen=True)
class Session:
    """Someone who is logged in. csrf: what each of their forms has to bring."""

    person: Person
    csrf: str


class Sessions:
    def __init__(self, database: Engine, tokens: Tokens) -> None:
        self.database, self.tokens = database, tokens

    def start(self, person: Person) -> str:
        """A new session; returns what goes into the cookie. Old sessions are cleared away."""
        name = secrets.token_urlsafe(32)
        ends = to_text(now() + timedelta(hours=HOURS))
        with self.database.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.ends < to_text(now())))
            connection.execute(
                insert(SESSIONS).values(
                    hash=hashed(name),
                    token=person.token,
                    csrf=secrets.token_urlsafe(32),
                    ends=ends,
                )
            )
        return name

    def find(self, name: str) -> Session | None:
        """Whose session it is; None when it has ended, or the token was revoked."""
        if not name:
            return None
        with self.database.connect() as connection:
            wanted = (SESSIONS.c.hash == hashed(name)) & (SESSIONS.c.ends > to_text(now()))
            row = connection.execute(select(SESSIONS).where(wanted)).first()
        person = self.tokens.by_number(row.token) if row else None
        return Session(person, row.csrf) if row and person else None

    def end(self, name: str) -> None:
        with self.database.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == hashed(name)))
