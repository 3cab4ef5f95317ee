"""What somebody who is no rater, or another one, may try: each is refused, and nothing changes."""

from __future__ import annotations

import http.client
import json

import pytest
from studies import Browser, ballot, copied

from animatrix.evaluate.study.commands import open_store
from animatrix.evaluate.study.export import study_votes
from animatrix.evaluate.study.security import Signer, new_token

HOSTILE = "'); DROP TABLE votes;-- <script>alert(1)</script> \u202e {{7*7}} =cmd|' /C calc'!A0"


@pytest.fixture
def rater(serving):
    return Browser(serving.port).enter(serving.tokens.pop())


def test_a_made_up_link_opens_nothing(serving):
    for token in (new_token(), "", "x", "../../rate", "%2e%2e%2f", "a" * 5000, "' OR 1=1 --"):
        browser = Browser(serving.port)
        path = "/r/" + token.replace(" ", "%20")
        assert browser.ask("GET", path).status == 404 and not browser.cookie


def test_a_link_that_was_used_opens_nothing_in_another_browser(serving):
    token = serving.tokens.pop()
    first = Browser(serving.port).enter(token)
    thief = Browser(serving.port)
    assert thief.ask("GET", f"/r/{token}").status == 404 and not thief.cookie
    assert first.ask("GET", f"/r/{token}").status == 303
    assert first.ask("GET", "/api/session").status == 200


def test_a_link_of_another_study_opens_nothing(serving, made, tmp_path):
    _, store = open_store(copied(made, tmp_path))
    (token,) = store.invite(1)
    assert Browser(serving.port).ask("GET", f"/r/{token}").status == 404


@pytest.mark.parametrize("path", ["/api/session", "/api/trial", f"/api/frames/{'A' * 22}"])
def test_without_a_cookie_there_is_nothing(serving, path):
    reply = Browser(serving.port).ask("GET", path)
    assert reply.status == 401 and list(reply.json) == ["error"]


def test_a_forged_cookie_is_none(serving, rater):
    name, _, value = rater.cookie.partition("=")
    session, _, mac = value.partition(".")
    other = Signer(b"another secret").cookie(session)
    turned = mac[:-2] + ("AA" if mac[-2:] != "AA" else "BB")
    forged = (session, f"{session}.", f"{session}.{turned}", f"{new_token()}.{mac}", other, ".", "x.y", "é.é")
    for value in forged:
        assert Browser(serving.port, cookie=f"{name}={value}").ask("GET", "/api/session").status == 401, value


def test_the_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(serving):
    reply = Browser(serving.port).ask("GET", f"/r/{serving.tokens.pop()}")
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
    assert reply.headers["location"] == "/rate"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Origin": "http://127.0.0.1"},
        {"X-Study": None},
        {"X-Study": ""},
        {"X-Study": "A" * 22},
        {"X-Study": "é".encode()},
    ],
)
def test_another_origin_changes_nothing(rater, headers):
    trial = rater.trial()
    name = f"/api/trial/{trial['trial']}"
    for method, path, body in (
        ("POST", f"{name}/vote", ballot(trial)),
        ("PUT", f"{name}/draft", {"a": 1}),
        ("POST", "/api/undo", {}),
    ):
        assert rater.ask(method, path, body, headers).status == 403
    assert rater.trial() == trial


def test_another_raters_csrf_does_not_serve(serving, rater):
    other = Browser(serving.port).enter(serving.tokens.pop())
    assert rater.ask("POST", "/api/undo", {}, {"X-Study": other.csrf}).status == 403


def test_an_oversize_body_is_refused_before_it_is_read(serving, rater):
    trial = rater.trial()
    path = f"/api/trial/{trial['trial']}/draft"
    assert rater.ask("PUT", path, {"x": "y" * 65_536}).status == 413
    rater.close()
    assert rater.ask("PUT", path, {"x": "y" * 60_000}).status == 204
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
    connection.putrequest("PUT", path)
    headers = {"Cookie": rater.cookie, "X-Study": rater.csrf, "Origin": f"http://127.0.0.1:{serving.port}"}
    for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():  # no length is declared
        connection.putheader(name, value)
    connection.endheaders()
    # One byte too many and no more: what is still being sent when the server hangs up would break the pipe.
    for size in (*[8192] * 8, 1):
        connection.send(b"%x\r\n%s\r\n" % (size, b"z" * size))
    assert connection.getresponse().status == 413
    connection.close()
    assert rater.trial()["draft"] == {"x": "y" * 60_000}


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/server.py"),
        "/static//etc/passwd",
        *("/static/..%5c..%5cserver.py", "/static/index.html%00.js", "/static/", "/static/."),
        *("/api/frames/../../study.json", "/api/frames/..%2f..%2fstudy.json", "/api/frames/study.sqlite"),
        *("/api/frames/%2fetc%2fpasswd", "/api/frames/", f"/api/frames/{'A' * 22}", "/docs", "/openapi.json"),
        *("/study.json", "/clips", "/secret.key"),
    ],
)  # fmt: skip
def test_no_path_reaches_a_file(rater, path):
    reply = rater.ask("GET", path)
    assert reply.status in (404, 405) and len(reply.body) < 200


def test_nothing_of_another_rater_can_be_read_or_changed(serving, rater):
    other = Browser(serving.port).enter(serving.tokens.pop())
    trial = other.trial()
    name = f"/api/trial/{trial['trial']}"
    for clip in trial["clips"]:
        assert rater.ask("GET", clip["frames_url"]).status == 404
        assert other.ask("GET", clip["frames_url"]).status == 200
    assert rater.ask("POST", f"{name}/vote", ballot(trial)).status == 404
    assert rater.ask("PUT", f"{name}/draft", {"a": 1}).status == 404
    for method in ("GET", "DELETE", "PATCH"):
        assert rater.ask(method, f"{name}/vote").status in (404, 405)
    assert other.trial() == trial and rater.trial()["trial"] != trial["trial"]


def test_a_trial_that_was_not_given_yet_shows_nothing(serving, rater):
    _, store = open_store(serving.folder)
    shown = rater.trial()["trial"]
    rows = store.database.read(
        lambda sql: sql(
            "SELECT f.name FROM frames f JOIN trials t ON t.trial = f.trial WHERE t.given IS NULL "
            "AND t.rater = (SELECT rater FROM trials WHERE trial = ?)",
            shown,
        ).fetchall()
    )
    assert rows and all(rater.ask("GET", f"/api/frames/{name}").status == 404 for (name,) in rows)


def test_hostile_notes_are_kept_as_text(serving, rater):
    import time

    trial = rater.trial()
    time.sleep(trial["min_watch_s"])
    name = f"/api/trial/{trial['trial']}"
    assert rater.ask("PUT", f"{name}/draft", {"note": HOSTILE}).status == 204
    assert rater.ask("POST", f"{name}/vote", ballot(trial, note=HOSTILE)).status == 200
    study, store = open_store(serving.folder)
    assert [n.text for v in study_votes(study, store) for n in v.notes if v.trial == trial["trial"]] == [
        HOSTILE
    ]
    assert rater.ask("POST", "/api/undo", {}).status == 200
    reply = rater.ask("GET", "/api/trial")
    assert reply.json["draft"] == {"note": HOSTILE}
    assert reply.headers["content-type"].startswith("application/json")


def test_every_answer_forbids_what_a_page_of_ours_never_does(serving, rater):
    for path in ("/rate", "/api/session", "/nothing", "/r/x"):
        headers = rater.ask("GET", path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers and "server" not in headers


def test_neither_log_nor_database_holds_a_token_or_session(serving):
    token = serving.tokens.pop()
    browser = Browser(serving.port).enter(token)
    trial = browser.trial()
    browser.ask("GET", f"/r/{token}?{token}")
    browser.ask("GET", f"/{token}/{token}")
    session = browser.cookie.partition("=")[2].partition(".")[0]
    log = serving.log.read_text()
    kept = b"".join(p.read_bytes() for p in serving.folder.glob("study.sqlite*"))
    for secret in (token, session):
        assert secret not in log and secret.encode() not in kept
    assert trial["trial"] not in log and "GET /r/* 303" in log


def test_a_refusal_is_json_of_one_line(rater):
    for reply in (rater.ask("GET", "/nowhere"), rater.ask("POST", "/api/trial/x/vote", {})):
        assert reply.status == 404 and "\n" not in json.loads(reply.body)["error"]
