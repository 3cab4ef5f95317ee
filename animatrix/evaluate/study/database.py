"""The same SQL for SQLite and PostgreSQL: one writer at a time, and a commit is on the disk.

    database = open_database("study/study.sqlite")            # or "postgresql://user@host/name"
    database.write(lambda sql: sql("INSERT INTO ... VALUES (?, ?)", 1, 2))
    database.read(lambda sql: sql("SELECT ...").fetchall())

SQLite is the default (WAL, synchronous FULL). A PostgreSQL study lives in a schema of its own.
"""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from animatrix.errors import AniMatrixError, Code

Sql = Callable[..., Any]  # (statement, *values) -> cursor
Result = TypeVar("Result")
_WAIT = 60.0  # seconds for the other writer
_LOCK = 0x414D5354  # of the study's writers, within its database


class Database(ABC):
    """One connection a thread, opened when first used."""

    def __init__(self) -> None:
        self._local = threading.local()

    def read(self, work: Callable[[Sql], Result]) -> Result:
        """What ``work`` finds in one snapshot."""
        return self._run(work, writes=False)

    def write(self, work: Callable[[Sql], Result]) -> Result:
        """Run ``work`` with no other writer, all of it or nothing; it may be run again if the server went."""
        return self._run(work, writes=True)

    def close(self) -> None:
        """Close this thread's connection."""
        connection = self.__dict__["_local"].__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def _connection(self) -> Any:
        if getattr(self._local, "connection", None) is None:
            self._local.connection = self._connected()
        return self._local.connection

    @abstractmethod
    def _connected(self) -> Any: ...

    @abstractmethod
    def _run(self, work: Callable[[Sql], Result], writes: bool) -> Result: ...


class Sqlite(Database):
    """A file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _connected(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
        except sqlite3.Error as error:
            raise AniMatrixError(Code.BAD_STUDY, f"{self.path} cannot be used: {error}") from None
        return connection

    def _run(self, work: Callable[[Sql], Result], writes: bool) -> Result:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            found = work(lambda statement, *values: connection.execute(statement, values))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return found


class Postgres(Database):
    """A schema of a PostgreSQL database. Needs the extra ``postgres``."""

    def __init__(self, url: str, schema: str) -> None:
        super().__init__()
        self.url, self.schema = url, schema
        try:
            import psycopg
        except ImportError:
            raise AniMatrixError(
                Code.BAD_OPTION, "a PostgreSQL study needs psycopg", "pip install 'animatrix[postgres]'"
            ) from None
        self._psycopg = psycopg

    def _connected(self) -> Any:
        from psycopg.sql import SQL, Identifier

        try:
            connection = self._psycopg.connect(self.url, autocommit=True, connect_timeout=10)
        except self._psycopg.Error as error:  # its text may hold the URL's parts, but never the password
            reason = str(error).strip().splitlines()[0][:120]
            raise AniMatrixError(
                Code.BAD_STUDY, f"the database does not answer: {reason}", "is the server running?"
            ) from None
        connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(self.schema)))
        connection.execute(SQL("SET search_path TO {}").format(Identifier(self.schema)))
        return connection

    def _run(self, work: Callable[[Sql], Result], writes: bool) -> Result:
        for attempt in (1, 2):
            connection = self._connection()
            try:
                with connection.transaction():
                    if writes:  # one writer at a time, as in SQLite: what is read first still holds
                        connection.execute(
                            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, self.schema)
                        )
                    return work(
                        lambda statement, *values, c=connection: c.execute(
                            statement.replace("?", "%s"), values
                        )
                    )
            except (self._psycopg.OperationalError, self._psycopg.InterfaceError):
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")


def open_database(url: str | Path, schema: str = "study") -> Database:
    """SQLite for a path, PostgreSQL for ``postgresql://...``; ``schema`` of the latter.

    Raises:
        AniMatrixError: BAD_OPTION for another kind of URL, or where psycopg is not installed.
    """
    text = str(url)
    if text.startswith(("postgresql://", "postgres://")):
        return Postgres(text, "".join(c if c.isalnum() else "_" for c in schema))
    if "://" in text:
        kind = text.split("://")[0]
        raise AniMatrixError(
            Code.BAD_OPTION, f"no database of kind {kind!r}", "give postgresql://... or leave it out"
        )
    return Sqlite(Path(text))
