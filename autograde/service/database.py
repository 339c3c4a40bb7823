"""What the service keeps in a database: tokens, sessions and attempts; SQLite or PostgreSQL.

Every time is a text in UTC, `2030-01-05T10:00:00.000000+00:00`, so that texts sort as times do.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from chainrule.errors import UserError

FILE = "service.db"
BUSY_SECONDS = 30

tables = MetaData()

TOKENS = Table(
    "service_tokens",
    tables,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, index=True),
    Column("instructor", Boolean, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("made", String(32), nullable=False),
    Column("revoked", String(32)),
)

SESSIONS = Table(
    "service_sessions",
    tables,
    Column("hash", String(64), primary_key=True),
    Column("token", Integer, nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("ends", String(32), nullable=False),
)

# state: waiting, graded, or ungraded when the grader failed on it again and again.
ATTEMPTS = Table(
    "service_attempts",
    tables,
    Column("id", Integer, primary_key=True),
    Column("learner", String(64), nullable=False),
    Column("unit", String(100), nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("received", String(32), nullable=False),
    Column("state", String(10), nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    UniqueConstraint("learner", "unit", "sha256"),
    UniqueConstraint("learner", "unit", "number"),
)


def now() -> datetime:
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def open_database(url: str, folder: Path) -> Engine:
    """The database with its tables made; without a URL an SQLite file in the class folder.

    Raises UserError when it can't be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not url:
        file = folder / FILE
        file.touch(mode=0o600)  # SQLite's other files take over who may read this one
        url = f"sqlite:///{file.resolve()}"
    try:
        engine = create_engine(url, pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _durable)
        tables.create_all(engine)
    except (SQLAlchemyError, ArgumentError, ImportError) as error:
        said = str(error).splitlines()[0]
        raise UserError(f"The service's database can't be opened: {said}.") from None
    return engine


def _durable(connection: Any, record: object) -> None:
    """What is committed survives a power cut; readers never wait for a writer."""
    connection.execute(f"pragma busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
