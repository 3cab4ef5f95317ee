"""The study's server: FastAPI over one study folder. What it says is the same for every system.

    app = study_app(*open_store(folder))      # see commands

Answers have no date of a file, no tag of its content and one length for all clips; names are opaque and
of one trial; nothing is computed per clip when it is asked for.
"""

# Annotations are not postponed here: FastAPI reads those of the functions inside study_app.

import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from animatrix.evaluate.study.answers import Wrong, checked, parsed
from animatrix.evaluate.study.definition import Study
from animatrix.evaluate.study.security import TOKEN
from animatrix.evaluate.study.shown import Shown
from animatrix.evaluate.study.store import SESSION_S, Store

PAGE = Path(__file__).parent / "page"
LONGEST_BODY = 1 << 16
COOKIE = "rater"
THREADS = 16  # each holds a connection to the database
SLACK_MS = 50  # a page's clock may run a little fast
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".html": "text/html; charset=utf-8",
    ".woff2": "font/woff2",
}
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_USED = (
    "<!doctype html><meta charset=utf-8><title>404</title><p>This invitation is not known, or was opened in "
    "another browser. If it was this one, <a href='/rate'>go on here</a>; else ask for a new link."
    "<p lang=ja>この招待は無効か、別のブラウザで開かれています。このブラウザで開いた場合は"
    "<a href='/rate'>ここから続けてください</a>。"
    "<p lang=zh>该邀请无效，或已在其他浏览器中打开。若是在本浏览器打开的，<a href='/rate'>请由此继续</a>。"
)

Scope = MutableMapping[str, Any]
Asgi = Callable[..., Awaitable[None]]


class Refused(Exception):
    """An answer other than 200, with its reason."""

    def __init__(self, status: int, error: str, where: str | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.where = status, error, where


class Guard:
    """Round everything: bodies of at most 64 KiB, the same headers on every answer, a log without secrets."""

    def __init__(self, app: Asgi, log: Callable[[str], None] | None = None) -> None:
        self.app, self.log = app, log

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun, status = time.perf_counter(), 0

        async def sent(message: Scope) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                has = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in has),
                ]
            await send(message)

        # The whole body is taken before anything is done with it, so that an oversize one changes nothing.
        body, more = b"", True
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        too_long = not declared.isdigit() or int(declared) > LONGEST_BODY
        while more and not too_long:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            too_long = len(body) > LONGEST_BODY
        if too_long:
            reply = JSONResponse({"error": f"more than {LONGEST_BODY} bytes"}, 413, {"connection": "close"})
            await reply(scope, receive, sent)
        else:
            given = iter([{"type": "http.request", "body": body, "more_body": False}])

            async def received() -> Any:
                return next(given, None) or await receive()

            await self.app(scope, received, sent)
        if self.log:
            took = (time.perf_counter() - begun) * 1000
            self.log(f"{scope['method']} {_masked(scope['path'])} {status} {took:.0f} ms")
        return None


def _masked(path: str) -> str:
    """A path without tokens, names, or anything a client made up."""
    parts = path.split("/")
    known = {"r", "rate", "static", "api", "session", "trial", "frames", "draft", "vote", "undo", ""}
    return "/".join(p if p in known else "*" for p in parts[:5])


def study_app(
    study: Study, store: Store, log: Callable[[str], None] | None = None, secure: bool = False
) -> Asgi:
    """The application.

    Args:
        log: takes one line a request, without tokens.
        secure: the study is reached by https, and so must the cookie.
    """
    signer = store.signer
    shown = Shown(study, signer)
    pages = {p.name: p.read_bytes() for p in sorted(PAGE.iterdir()) if p.suffix in _TYPES}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        from anyio.to_thread import current_default_thread_limiter

        current_default_thread_limiter().total_tokens = THREADS
        yield

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan, redirect_slashes=False)

    # Async where nothing is waited for: a thread for each of them costs more than what it does.
    async def session_of(request: Request) -> str:
        session = signer.session(request.cookies.get(COOKIE))
        if session is None:
            raise Refused(401, "open your invitation link first")
        return session

    def rater_of(session: Annotated[str, Depends(session_of)]) -> str:
        rater = store.begin(session)
        if rater is None:
            raise Refused(401, "this session has ended; open your invitation link")
        return rater

    async def changing(request: Request, session: Annotated[str, Depends(session_of)]) -> None:
        """Only the page itself may change anything."""
        origin = urlsplit(request.headers.get("origin", ""))
        if not origin.netloc or origin.netloc.lower() != request.headers.get("host", "").lower():
            raise Refused(403, "another origin")
        if not signer.right_csrf(session, request.headers.get("x-study")):
            raise Refused(403, "the page is out of date; load it again")

    async def body_of(request: Request) -> bytes:
        return await request.body()

    Rater = Annotated[str, Depends(rater_of)]
    Body = Annotated[bytes, Depends(body_of)]
    change = [Depends(changing)]

    @app.get("/r/{token}")
    def invitation(token: str, request: Request) -> Response:
        before = signer.session(request.cookies.get(COOKIE))
        session = store.open(token, before) if TOKEN.match(token) else None
        if session is None:
            return HTMLResponse(_USED, 404)
        reply = RedirectResponse("/rate", 303)
        reply.set_cookie(
            COOKIE,
            signer.cookie(session),
            SESSION_S,
            path="/",
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return reply

    @app.get("/rate")
    async def rate() -> Response:
        return _file(pages, "index.html")

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        return _file(pages, name)

    @app.get("/api/session")
    def begin(request: Request, rater: Rater, session: Annotated[str, Depends(session_of)]) -> Response:
        done, total = store.progress(rater)
        return JSONResponse(
            {
                "csrf": signer.csrf(session),
                "title": study.definition.title.model_dump(),
                "language": shown.language(request.headers.get("accept-language")),
                "done": done,
                "total": total,
                "mode": study.definition.mode,
                "state": "rating" if done < total else "finished",
                "rubric": shown.rubric(),
            }
        )

    @app.get("/api/trial")
    def trial(rater: Rater) -> Response:
        current = store.current(rater)
        if current is None:
            return Response(status_code=204)
        done, total = store.progress(rater)
        return JSONResponse(shown.trial(current, done, total))

    @app.get("/api/frames/{name}")
    def frames(name: str, rater: Rater) -> Response:
        found = store.clip(rater, name) if TOKEN.match(name) else None
        if found is None:
            raise Refused(404, "no such frames")
        clip = shown.clips(found[0])[found[1]]
        headers = {"cache-control": "private, max-age=3600"}
        return Response(study.pack(clip), 200, headers, "application/octet-stream")

    @app.put("/api/trial/{name}/draft", dependencies=change)
    def draft(name: str, rater: Rater, body: Body) -> Response:
        if not (TOKEN.match(name) and store.keep_draft(rater, name, parsed(body))):
            raise Refused(404, "no such trial")
        return Response(status_code=204)

    @app.post("/api/trial/{name}/vote", dependencies=change)
    def vote(name: str, rater: Rater, body: Body) -> Response:
        asked = store.trial(rater, name) if TOKEN.match(name) else None
        if asked is None:
            raise Refused(404, "no such trial")
        least = shown.watch(asked) * 1000 - SLACK_MS
        given = checked(body, study, asked, least)
        answers, playback = given.answers.model_dump(), given.playback.model_dump()
        cast = store.vote(rater, name, given.key, answers, playback, least)
        if cast.outcome == "counted":
            return JSONResponse({"done": cast.done})
        if cast.outcome == "early":
            raise Refused(422, "watch the clip to its end first", "playback")
        said = {"taken": "this trial has another vote", "withdrawn": "this vote was withdrawn"}
        raise Refused(409, said.get(cast.outcome, "this trial is no more"))

    @app.post("/api/undo", dependencies=change)
    def undo(rater: Rater) -> Response:
        trial = store.undo(rater)
        if trial is None:
            raise Refused(409, "there is nothing to undo")
        return JSONResponse({"trial": trial})

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        where = {} if error.where is None else {"where": error.where}
        return JSONResponse({"error": error.error, **where}, error.status)

    @app.exception_handler(Wrong)
    async def wrong(_: Request, error: Wrong) -> Response:
        return JSONResponse({"error": error.error, "where": error.where}, 422)

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": str(error.detail)}, error.status_code)

    return Guard(app, log)


def _file(pages: dict[str, bytes], name: str) -> Response:
    """One of the page's own files, by its exact name; no path ever reaches the disk."""
    if name not in pages:
        raise Refused(404, "no such file")
    kind = _TYPES[Path(name).suffix]
    return Response(pages[name], 200, {"cache-control": "no-cache"}, kind)
