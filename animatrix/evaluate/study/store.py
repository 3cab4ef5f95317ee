"""Raters, trials and votes, kept through any crash; every vote counts exactly once.

A vote carries the page's own key: sent again, it is answered as before and not counted again. Undo withdraws
a vote and opens its trial; no vote is ever deleted. A rater holds a slot of the design from the first
opening; a slot on which nothing was voted for a week goes to the next rater, and its holder gets another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from animatrix.evaluate.study.database import Database, Sql
from animatrix.evaluate.study.design import Design
from animatrix.evaluate.study.security import Signer, hashed, new_token

LEASE_S = 7 * 24 * 3600
SESSION_S = 60 * 24 * 3600

_TABLES = (
    """CREATE TABLE IF NOT EXISTS raters (
        rater TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, invited BIGINT NOT NULL, opened BIGINT)""",
    """CREATE TABLE IF NOT EXISTS sessions (
        session_hash TEXT PRIMARY KEY, rater TEXT NOT NULL REFERENCES raters, begun BIGINT NOT NULL,
        used BIGINT)""",
    """CREATE TABLE IF NOT EXISTS slots (
        slot BIGINT PRIMARY KEY, rater TEXT NOT NULL UNIQUE REFERENCES raters, leased BIGINT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS trials (
        trial TEXT PRIMARY KEY, rater TEXT NOT NULL REFERENCES raters, number BIGINT NOT NULL,
        kind TEXT NOT NULL, item TEXT NOT NULL, left_system TEXT NOT NULL, right_system TEXT,
        repeats TEXT, expected TEXT NOT NULL, given BIGINT, draft TEXT, UNIQUE (rater, number))""",
    """CREATE TABLE IF NOT EXISTS frames (
        name TEXT PRIMARY KEY, trial TEXT NOT NULL REFERENCES trials, role TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS votes (
        trial TEXT NOT NULL REFERENCES trials, vote_key TEXT NOT NULL, revision BIGINT NOT NULL,
        answers TEXT NOT NULL, playback TEXT NOT NULL, voted BIGINT NOT NULL, done BIGINT NOT NULL,
        withdrawn BIGINT, PRIMARY KEY (trial, vote_key), UNIQUE (trial, revision))""",
    "CREATE UNIQUE INDEX IF NOT EXISTS one_vote ON votes (trial) WHERE withdrawn IS NULL",
)
_COLUMNS = "trial rater number kind item left_system right_system repeats expected given draft"
_FIELDS = ", ".join(f"t.{column}" for column in _COLUMNS.split())
_TRIAL = f"SELECT {_FIELDS} FROM trials t"
_LIVE = "EXISTS (SELECT 1 FROM votes v WHERE v.trial = t.trial AND v.withdrawn IS NULL)"


@dataclass(frozen=True)
class Trial:
    """A trial of a rater, as it stands in the database; ``given`` ms since 1970 or None."""

    trial: str
    rater: str
    number: int
    kind: str
    item: str
    left_system: str
    right_system: str | None
    repeats: str | None
    expected: str
    given: int | None
    draft: str | None


@dataclass(frozen=True)
class Cast:
    """What became of a vote: counted (now or before), refused as another stands, withdrawn or too early."""

    outcome: Literal["counted", "taken", "withdrawn", "early", "unknown"]
    done: int = 0


class Store:
    """All of a study that changes. ``clock``: ms since 1970."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        design: Design,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.database, self.signer, self.design, self.clock = database, signer, design, clock
        self._roles = ["left"] if design.study.mode == "score" else ["left", "right"]
        self._roles += [f"anchor{score}" for score in design.study.anchors]

        def tables(sql: Sql) -> None:
            for table in _TABLES:
                sql(table)

        database.write(tables)

    def invite(self, count: int) -> list[str]:
        """Tokens of new raters. They are not kept: who loses a link is invited anew."""
        tokens = [new_token() for _ in range(count)]

        def work(sql: Sql) -> None:
            for token in tokens:
                mark = hashed(token)
                sql(
                    "INSERT INTO raters (rater, token_hash, invited) VALUES (?, ?, ?)",
                    *(self.signer.rater(mark), mark, self.clock()),
                )

        self.database.write(work)
        return tokens

    def renew(self, rater: str) -> str | None:
        """Another token for a rater whose link was used; the old one and all sessions end. None: unknown."""
        token = new_token()

        def work(sql: Sql) -> str | None:
            done = sql(
                "UPDATE raters SET token_hash = ?, opened = NULL WHERE rater = ?", hashed(token), rater
            )
            sql("DELETE FROM sessions WHERE rater = ?", rater)
            return token if done.rowcount else None

        return self.database.write(work)

    def open(self, token: str, session: str | None) -> str | None:
        """Begin a session on an invitation.

        A link works until a session it began was used; after that only that browser's ``session`` may open
        it again. (A mail scanner that follows the link does not use it up: it never asks for a trial.)

        Returns:
            The session, new or the same; None where the token is unknown or used by another.
        """

        def work(sql: Sql) -> str | None:
            found = sql("SELECT rater, opened FROM raters WHERE token_hash = ?", hashed(token)).fetchone()
            if found is None:
                return None
            rater, opened = found
            if session is not None and self._rater(sql, session) == rater:
                return session
            if opened is not None:
                return None
            begun = new_token()
            sql(
                "INSERT INTO sessions (session_hash, rater, begun) VALUES (?, ?, ?)",
                *(hashed(begun), rater, self.clock()),
            )
            return begun

        return self.database.write(work)

    def _rater(self, sql: Sql, session: str) -> str | None:
        row = sql("SELECT rater, begun FROM sessions WHERE session_hash = ?", hashed(session)).fetchone()
        return row[0] if row and self.clock() - row[1] < SESSION_S * 1000 else None

    def begin(self, session: str) -> str | None:
        """The rater of a session that is used: the link is closed behind it, and a slot is held."""
        known = self.database.read(lambda sql: self._begun(sql, session))
        if known is not None:
            return known

        def work(sql: Sql) -> str | None:
            rater = self._rater(sql, session)
            if rater is None:
                return None
            now, mark = self.clock(), hashed(session)
            first = sql("UPDATE sessions SET used = ? WHERE session_hash = ? AND used IS NULL", now, mark)
            if first.rowcount:
                sql("UPDATE raters SET opened = ? WHERE rater = ? AND opened IS NULL", now, rater)
                sql("DELETE FROM sessions WHERE rater = ? AND used IS NULL", rater)
            self._hold_slot(sql, rater, now)
            return rater

        return self.database.write(work)

    def _begun(self, sql: Sql, session: str) -> str | None:
        """The rater, when nothing need be written any more."""
        rater = self._rater(sql, session)
        ready = sql(
            "SELECT 1 FROM sessions s JOIN slots l ON l.rater = s.rater WHERE s.session_hash = ? "
            "AND s.used IS NOT NULL",
            hashed(session),
        ).fetchone()
        return rater if ready else None

    def _hold_slot(self, sql: Sql, rater: str, now: int) -> None:
        if sql("SELECT 1 FROM slots WHERE rater = ?", rater).fetchone():
            return
        slot = self._lapsed(sql, now)
        if slot is None:
            slot = sql("SELECT COALESCE(MAX(slot) + 1, 0) FROM slots").fetchone()[0]
        sql("INSERT INTO slots (slot, rater, leased) VALUES (?, ?, ?)", slot, rater, now)
        names = {p.number: self.signer.trial(rater, slot, p.number) for p in self.design.plan(slot)}
        for p in self.design.plan(slot):
            sql(
                "INSERT INTO trials (trial, rater, number, kind, item, left_system, right_system, repeats, "
                "expected) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(names[p.number], rater, p.number, p.kind, p.item, p.left, p.right),
                *(names[p.repeats] if p.repeats else None, json.dumps(p.expected)),
            )
            for role in self._roles:
                name = self.signer.frames(names[p.number], role)
                sql("INSERT INTO frames (name, trial, role) VALUES (?, ?, ?)", name, names[p.number], role)

    def _lapsed(self, sql: Sql, now: int) -> int | None:
        """The lowest slot whose holder has voted on nothing within the lease; it is taken from them."""
        row = sql(
            "SELECT s.slot, s.rater FROM slots s WHERE s.leased < ? AND NOT EXISTS (SELECT 1 FROM trials t "
            "JOIN votes v ON v.trial = t.trial WHERE t.rater = s.rater) ORDER BY s.slot LIMIT 1",
            now - LEASE_S * 1000,
        ).fetchone()
        if row is None:
            return None
        slot, holder = row
        sql("DELETE FROM frames WHERE trial IN (SELECT trial FROM trials WHERE rater = ?)", holder)
        sql("DELETE FROM trials WHERE rater = ?", holder)
        sql("DELETE FROM slots WHERE slot = ?", slot)
        return slot

    def progress(self, rater: str) -> tuple[int, int]:
        """Trials voted on, and all."""
        return self.database.read(lambda sql: (self._done(sql, rater), self._total(sql, rater)))

    def _done(self, sql: Sql, rater: str) -> int:
        return sql(f"SELECT COUNT(*) FROM trials t WHERE t.rater = ? AND {_LIVE}", rater).fetchone()[0]

    def _total(self, sql: Sql, rater: str) -> int:
        return sql("SELECT COUNT(*) FROM trials WHERE rater = ?", rater).fetchone()[0]

    def current(self, rater: str) -> Trial | None:
        """The first trial not voted on; its clock starts when it is first given. None: finished."""

        def look(sql: Sql) -> Trial | None:
            row = sql(
                f"{_TRIAL} WHERE t.rater = ? AND NOT {_LIVE} ORDER BY t.number LIMIT 1", rater
            ).fetchone()
            return Trial(*row) if row else None

        found = self.database.read(look)
        if found is not None and found.given is None:
            mark = (self.clock(), found.trial)
            self.database.write(
                lambda sql: sql("UPDATE trials SET given = ? WHERE trial = ? AND given IS NULL", *mark)
            )
            found = self.database.read(look)
        return found

    def trial(self, rater: str, trial: str) -> Trial | None:
        """A trial of this rater that was given; of another, None."""

        def look(sql: Sql) -> Trial | None:
            row = sql(
                f"{_TRIAL} WHERE t.trial = ? AND t.rater = ? AND t.given IS NOT NULL", trial, rater
            ).fetchone()
            return Trial(*row) if row else None

        return self.database.read(look)

    def clip(self, rater: str, name: str) -> tuple[Trial, str] | None:
        """The trial and the role of a name, for this rater and a trial that was given."""

        def look(sql: Sql) -> tuple[Trial, str] | None:
            row = sql(
                f"SELECT {_FIELDS}, f.role FROM trials t JOIN frames f ON f.trial = t.trial "
                "WHERE f.name = ? AND t.rater = ? AND t.given IS NOT NULL",
                *(name, rater),
            ).fetchone()
            return (Trial(*row[:-1]), row[-1]) if row else None

        return self.database.read(look)

    def keep_draft(self, rater: str, trial: str, draft: Any) -> bool:
        """Keep a page's unfinished answers; False where the trial is not this rater's, or not given."""
        text = json.dumps(draft)

        def work(sql: Sql) -> bool:
            done = sql(
                "UPDATE trials SET draft = ? WHERE trial = ? AND rater = ? AND given IS NOT NULL",
                *(text, trial, rater),
            )
            return bool(done.rowcount)

        return self.database.write(work)

    def vote(
        self, rater: str, trial: str, key: str, answers: Any, playback: Any, least_ms: float = 0.0
    ) -> Cast:
        """Count a vote, once.

        Args:
            least_ms: that must lie between the trial being given and now.
        """

        def work(sql: Sql) -> Cast:
            row = sql("SELECT given FROM trials WHERE trial = ? AND rater = ?", trial, rater).fetchone()
            if row is None or row[0] is None:
                return Cast("unknown")
            same = sql(
                "SELECT done, withdrawn FROM votes WHERE trial = ? AND vote_key = ?", trial, key
            ).fetchone()
            if same is not None:
                return Cast("counted" if same[1] is None else "withdrawn", same[0])
            if sql("SELECT 1 FROM votes WHERE trial = ? AND withdrawn IS NULL", trial).fetchone():
                return Cast("taken")
            now = self.clock()
            if now - row[0] < least_ms:
                return Cast("early")
            revision = sql("SELECT COUNT(*) + 1 FROM votes WHERE trial = ?", trial).fetchone()[0]
            done = self._done(sql, rater) + 1
            sql(
                "INSERT INTO votes (trial, vote_key, revision, answers, playback, voted, done) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(trial, key, revision, json.dumps(answers), json.dumps(playback), now, done),
            )
            return Cast("counted", done)

        return self.database.write(work)

    def undo(self, rater: str) -> str | None:
        """Withdraw the rater's last vote; its trial is open again. None: there is none."""

        def work(sql: Sql) -> str | None:
            row = sql(
                "SELECT t.trial FROM trials t JOIN votes v ON v.trial = t.trial WHERE t.rater = ? "
                "AND v.withdrawn IS NULL ORDER BY v.voted DESC, t.number DESC LIMIT 1",
                rater,
            ).fetchone()
            if row is None:
                return None
            sql("UPDATE votes SET withdrawn = ? WHERE trial = ? AND withdrawn IS NULL", self.clock(), row[0])
            return row[0]

        return self.database.write(work)

    def votes(self) -> list[tuple[Trial, dict[str, Any], dict[str, Any], int, int]]:
        """Every vote that stands: trial, answers, playback, when (ms), revision; by rater and number."""

        def look(sql: Sql) -> list[Any]:
            return sql(
                f"SELECT {_FIELDS}, v.answers, v.playback, v.voted, v.revision FROM trials t "
                "JOIN votes v ON v.trial = t.trial WHERE v.withdrawn IS NULL ORDER BY t.rater, t.number"
            ).fetchall()

        return [
            (Trial(*row[:-4]), json.loads(row[-4]), json.loads(row[-3]), row[-2], row[-1])
            for row in self.database.read(look)
        ]

    def counts(self) -> dict[str, int]:
        """Raters invited, begun and finished; votes standing and withdrawn."""

        def look(sql: Sql) -> dict[str, int]:
            def one(statement: str) -> int:
                return sql(statement).fetchone()[0]

            return {
                "invited": one("SELECT COUNT(*) FROM raters"),
                "begun": one("SELECT COUNT(*) FROM slots"),
                "finished": one(
                    "SELECT COUNT(*) FROM slots s WHERE NOT EXISTS "
                    f"(SELECT 1 FROM trials t WHERE t.rater = s.rater AND NOT {_LIVE})"
                ),
                "votes": one("SELECT COUNT(*) FROM votes WHERE withdrawn IS NULL"),
                "withdrawn": one("SELECT COUNT(*) FROM votes WHERE withdrawn IS NOT NULL"),
            }

        return self.database.read(look)

    def raters(self) -> dict[str, int]:
        """Trials voted on, of every rater."""

        def look(sql: Sql) -> dict[str, int]:
            rows = sql(
                "SELECT r.rater, (SELECT COUNT(*) FROM trials t WHERE t.rater = r.rater "
                f"AND {_LIVE}) FROM raters r ORDER BY r.invited, r.rater"
            )
            return dict(rows.fetchall())

        return self.database.read(look)
