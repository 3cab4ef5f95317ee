"""Raters at once, double submits, two tabs, and a server that is killed again and again: every vote exactly
once, none lost, assignments balanced.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

import pytest
from studies import Browser, Serving, ballot, copied, make_study

from animatrix.evaluate.study.commands import open_store
from animatrix.evaluate.study.design import balance
from animatrix.evaluate.study.export import prefer_votes, study_votes


class Rater(threading.Thread):
    """Rates to the end: each vote is sent twice or more, now and then from two tabs at once, and undone
    sometimes; what the server confirmed is written down.
    """

    def __init__(self, port: int, token: str, seed: int) -> None:
        super().__init__()
        self.browser = Browser(port, patience=120)
        self.token, self.rng = token, random.Random(seed)
        self.confirmed: dict[str, dict] = {}
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            self._rate()
        except BaseException as error:
            self.failed = error
        finally:
            self.browser.close()

    def _rate(self) -> None:
        self.browser.enter(self.token)
        undone = False
        while (trial := self.browser.trial()) is not None:
            self.browser.ask("GET", self.rng.choice(trial["clips"])["frames_url"])
            time.sleep(trial["min_watch_s"])
            vote = ballot(trial, rng=self.rng)
            path = f"/api/trial/{trial['trial']}/vote"
            if self.rng.random() < 0.3:
                other = self._other_tab(path, trial)
                replies = [self.browser.ask("POST", path, vote), *other()]
            else:
                replies = [self.browser.ask("POST", path, vote) for _ in range(2)]
            taken = Counter(r.status for r in replies)
            assert set(taken) <= {200, 409} and taken[200], taken
            if replies[0].status == 200:
                self.confirmed[trial["trial"]] = vote["answers"]
            if not undone and self.rng.random() < 0.1:
                undone = self._undo(trial["trial"])

    def _other_tab(self, path: str, trial: dict):
        """The same trial answered otherwise in a second tab, at the same moment."""
        tab = Browser(self.browser.port, self.browser.cookie, self.browser.csrf, patience=120)
        vote, found = ballot(trial, rng=self.rng), []

        def send() -> None:
            found.append(tab.ask("POST", path, vote))
            if found[0].status == 200:
                self.confirmed[trial["trial"]] = vote["answers"]
            tab.close()

        thread = threading.Thread(target=send)
        thread.start()

        def joined() -> list:
            thread.join()
            return found

        return joined

    def _undo(self, trial: str) -> bool:
        # Sent once: a rater that got no answer looks which trial is open.
        self.browser.patience = 0
        try:
            reply = self.browser.ask("POST", "/api/undo", {})
            if reply.status == 200:
                assert reply.json["trial"] == trial
                del self.confirmed[trial]
        except OSError:
            self.confirmed.pop(trial)
        self.browser.patience = 120
        return True


def rated_through(server: Serving, raters: int, kills: int, per_kill: int) -> list[Rater]:
    """All raters to the end, with the server killed ``kills`` times on the way."""
    threads = [Rater(0, token, seed) for seed, token in enumerate(server.start(invite=raters))]
    for thread in threads:
        thread.browser.port = server.port
        thread.start()
    _, store = open_store(server.folder)
    rng = random.Random(7)
    for n in range(kills):
        while store.counts()["votes"] < (n + 1) * per_kill and any(t.is_alive() for t in threads):
            time.sleep(0.02)
        time.sleep(rng.random() * 0.3)
        server.kill()
        time.sleep(0.2)
        server.start()
    for thread in threads:
        thread.join(1200)
        assert not thread.is_alive() and thread.failed is None, thread.failed
    return threads


def check(server: Serving, threads: list[Rater], trials: int) -> None:
    study, store = open_store(server.folder)
    votes = study_votes(study, store)
    assert len(votes) == len(threads) * trials and len({v.trial for v in votes}) == len(votes)
    assert set(Counter(v.rater for v in votes).values()) == {trials}
    confirmed = {trial: given for thread in threads for trial, given in thread.confirmed.items()}
    for vote in votes:  # what was confirmed is what stands
        if vote.trial in confirmed:
            assert vote.choice == confirmed[vote.trial]["choice"]
    assert len(confirmed) >= 0.95 * len(votes) and not set(confirmed) - {v.trial for v in votes}
    slots = store.database.read(lambda sql: sql("SELECT slot FROM slots ORDER BY slot").fetchall())
    assert [s for (s,) in slots] == list(range(len(threads)))
    spread, lean = balance([store.design.plan(s) for (s,) in slots])
    assert spread <= 1 and lean <= 1
    shown = Counter((v.item, v.left.system) for v in votes if v.kind == "real")
    seen = Counter(v.item for v in votes if v.kind == "real")
    assert max(seen.values()) - min(seen.values()) <= 1
    assert all(abs(2 * n - seen[item]) <= 1 for (item, _), n in shown.items())
    assert len(prefer_votes(study, votes)) == 5 * sum(v.kind in ("real", "calibration") for v in votes)
    integrity = store.database.read(lambda sql: sql("PRAGMA integrity_check").fetchone())
    assert integrity == ("ok",)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("clips"), items=6, trials=4)


def test_a_dozen_raters_and_a_killed_server_lose_nothing(clips, tmp_path):
    with Serving(copied(clips, tmp_path)) as server:
        check(server, rated_through(server, raters=12, kills=2, per_kill=15), trials=4)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_fifty_raters_and_a_server_killed_five_times_lose_nothing(tmp_path):
    study = make_study(tmp_path, items=16, trials=20, raters=50)
    with Serving(study.folder) as server:
        check(server, rated_through(server, raters=50, kills=5, per_kill=150), trials=20)


def test_a_study_folder_is_whole_or_not_there_when_making_it_is_cut_short(clips, tmp_path, monkeypatch):
    from animatrix.errors import AniMatrixError
    from animatrix.evaluate.study import definition

    def full(frames):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(definition, "packed", full)
    folders = {s: clips.folder.parent / "clips" / s for s in clips.definition.systems}
    with pytest.raises(OSError, match="No space"):
        definition.create(folders, tmp_path / "study", trials=6)
    with pytest.raises(AniMatrixError):
        definition.load_study(tmp_path / "study")
