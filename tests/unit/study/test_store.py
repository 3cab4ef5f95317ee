"""Votes exactly once, undo, sessions and slots: the store by itself, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import uuid
from pathlib import Path

import pytest

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.study.database import open_database
from animatrix.evaluate.study.design import Design
from animatrix.evaluate.study.security import Signer
from animatrix.evaluate.study.store import LEASE_S, Store

DAY = 24 * 3600 * 1000


@pytest.fixture(scope="session")
def postgres():
    """URL of a PostgreSQL server of this test's own."""
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        pytest.skip("no PostgreSQL server programs here")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="study-postgres-"))  # pytest's own folders are closed to others
    as_owner: list[str] = []
    if os.getuid() == 0:  # the server refuses to run as root
        if subprocess.run(["id", "postgres"], capture_output=True).returncode or not shutil.which("setpriv"):
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    run = {"check": True, "capture_output": True, "cwd": "/"}
    subprocess.run([*as_owner, "initdb", "-D", data, "-A", "trust", "-U", "study", "--no-sync"], **run)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    subprocess.run(
        [*as_owner, "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "log", "start"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    yield f"postgresql://study@127.0.0.1:{port}/postgres"
    subprocess.run([*as_owner, "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)
    shutil.rmtree(folder)


class Clock:
    now = 1_700_000_000_000

    def __call__(self) -> int:
        self.now += 1000
        return self.now


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, made, tmp_path):
    url = tmp_path / "study.sqlite"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
    database = open_database(url, f"study_{uuid.uuid4().hex}")
    yield Store(database, Signer(made.secret), Design(made.definition), Clock())
    database.close()


def entered(store):
    (token,) = store.invite(1)
    session = store.open(token, None)
    return store.begin(session)


def test_a_vote_counts_once_however_often_it_is_sent(store):
    rater = entered(store)
    trial = store.current(rater)
    casts = [store.vote(rater, trial.trial, "key-0001", {"n": 1}, {}) for _ in range(3)]
    assert [(c.outcome, c.done) for c in casts] == [("counted", 1)] * 3
    assert store.vote(rater, trial.trial, "key-0002", {"n": 2}, {}).outcome == "taken"
    assert [answers for _, answers, *_ in store.votes()] == [{"n": 1}]


def test_the_same_trial_is_given_until_it_is_voted_on(store):
    rater = entered(store)
    first = store.current(rater)
    assert store.current(rater) == first and first.number == 1
    store.vote(rater, first.trial, "key-0001", {}, {})
    assert store.current(rater).number == 2


def test_undo_withdraws_and_keeps_the_vote(store):
    rater = entered(store)
    trial = store.current(rater).trial
    store.vote(rater, trial, "key-0001", {"n": 1}, {})
    assert store.undo(rater) == trial and store.undo(rater) is None
    assert store.current(rater).trial == trial
    assert store.vote(rater, trial, "key-0001", {"n": 1}, {}).outcome == "withdrawn"
    assert store.vote(rater, trial, "key-0002", {"n": 2}, {}).outcome == "counted"
    ((_, answers, _, _, revision),) = store.votes()
    assert (answers, revision) == ({"n": 2}, 2)
    assert store.counts()["withdrawn"] == 1


def test_a_vote_before_the_least_time_is_early(store):
    rater = entered(store)
    trial = store.current(rater).trial
    assert store.vote(rater, trial, "key-0001", {}, {}, least_ms=60_000).outcome == "early"
    assert store.vote(rater, trial, "key-0001", {}, {}, least_ms=500).outcome == "counted"


def test_many_threads_with_one_vote_and_two_keys_count_one(store):
    rater = entered(store)
    trial = store.current(rater).trial
    outcomes, gate = [], threading.Barrier(8)

    def send(n):
        gate.wait()
        outcomes.append(store.vote(rater, trial, f"key-000{n % 2}", {"n": n % 2}, {}).outcome)
        store.database.close()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(set(outcomes)) == ["counted", "taken"] and len(store.votes()) == 1


def test_many_raters_at_once_get_slots_of_their_own(store):
    tokens, found = store.invite(8), []

    def enter(token):
        found.append(store.begin(store.open(token, None)))
        store.database.close()

    threads = [threading.Thread(target=enter, args=(t,)) for t in tokens]
    [t.start() for t in threads]
    [t.join() for t in threads]
    slots = store.database.read(lambda sql: sql("SELECT slot, rater FROM slots ORDER BY slot").fetchall())
    assert [s for s, _ in slots] == list(range(8)) and {r for _, r in slots} == set(found)


def test_a_link_ends_when_a_session_of_it_was_used_but_not_when_it_was_only_looked_at(store):
    (token,) = store.invite(1)
    looked = store.open(token, None)  # as a mail scanner does
    mine = store.open(token, None)
    assert store.begin(mine) is not None
    assert store.open(token, None) is None and store.begin(looked) is None
    assert store.open(token, mine) == mine


def test_a_renewed_link_ends_the_old_sessions_and_keeps_the_votes(store):
    rater = entered(store)
    trial = store.current(rater).trial
    store.vote(rater, trial, "key-0001", {}, {})
    again = store.begin(store.open(store.renew(rater), None))
    assert again == rater and store.progress(rater)[0] == 1
    assert store.renew("r-nobody") is None


def test_an_idle_slot_goes_to_the_next_rater_but_a_started_one_stays(store):
    idle, busy = entered(store), entered(store)
    store.vote(busy, store.current(busy).trial, "key-0001", {}, {})
    shown = store.current(idle)
    store.clock.now += LEASE_S * 1000 + DAY
    heir = entered(store)
    assert store.current(heir).item == shown.item and store.current(idle) is None
    assert store.progress(busy)[0] == 1
    assert entered(store) and store.counts()["begun"] == 3


def test_what_is_another_raters_is_unknown(store):
    one, other = entered(store), entered(store)
    trial = store.current(one)
    name = store.signer.frames(trial.trial, "left")
    assert store.clip(one, name) and store.clip(other, name) is None
    assert store.trial(other, trial.trial) is None and not store.keep_draft(other, trial.trial, {})
    assert store.vote(other, trial.trial, "key-0001", {}, {}).outcome == "unknown"


def test_a_database_that_is_none_is_named(tmp_path):
    (tmp_path / "a.sqlite").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(AniMatrixError) as caught:
        open_database(tmp_path / "a.sqlite").read(lambda sql: sql("SELECT 1"))
    assert caught.value.code is Code.BAD_STUDY
    with pytest.raises(AniMatrixError) as caught:
        open_database("mysql://somewhere/else")
    assert caught.value.code is Code.BAD_OPTION


def test_a_postgres_server_that_is_away_is_named_without_its_password():
    pytest.importorskip("psycopg")
    with pytest.raises(AniMatrixError) as caught:
        open_database("postgresql://u:geheim@127.0.0.1:1/x").read(lambda sql: sql("SELECT 1"))
    assert caught.value.code is Code.BAD_STUDY and "geheim" not in str(caught.value)
