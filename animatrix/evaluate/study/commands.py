"""``animatrix evaluate study``: make a study, serve it, invite raters, take the votes out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.study.report_commands import POWER_EXAMPLE, REPORT_EXAMPLE, power, report

if TYPE_CHECKING:
    from animatrix.evaluate.study.definition import Study
    from animatrix.evaluate.study.store import Store

study = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="A blind study: raters compare clips of systems that they cannot tell apart by name.",
)
study.command(epilog=REPORT_EXAMPLE)(report)
study.command(epilog=POWER_EXAMPLE)(power)
_Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder that `create` made.")]
_Database = Annotated[
    str | None,
    typer.Option(
        envvar="ANIMATRIX_STUDY_DATABASE", help="postgresql://... instead of the folder's own SQLite file."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def open_store(folder: Path, database: str | None = None) -> tuple[Study, Store]:
    """A study and its votes. Raises AniMatrixError as ``load_study`` and ``open_database``."""
    from animatrix.evaluate.study.database import open_database
    from animatrix.evaluate.study.definition import load_study
    from animatrix.evaluate.study.design import Design
    from animatrix.evaluate.study.security import Signer
    from animatrix.evaluate.study.store import Store

    opened = load_study(folder)
    kept = open_database(database or folder / "study.sqlite", opened.definition.id)
    return opened, Store(kept, Signer(opened.secret), Design(opened.definition))


@study.command(
    epilog="Example: animatrix evaluate study create --system ours=a --system theirs=b --out study"
)
def create(
    system: Annotated[list[str], typer.Option(metavar="NAME=FOLDER", help="A system's clips; repeat.")],
    out: Annotated[Path, typer.Option(help="Folder of the study; must not be there yet.")],
    mode: Annotated[str, typer.Option(help="pair: two clips side by side; score: one clip, 1-5.")] = "pair",
    raters: Annotated[int, typer.Option(min=1, help="Raters planned.")] = 10,
    trials: Annotated[int, typer.Option(min=1, max=1000, help="Trials of each rater.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the design.")] = 0,
    title: Annotated[str | None, typer.Option(help="Shown to raters; must not name a system.")] = None,
    language: Annotated[
        str, typer.Option(help="en, ja or zh, where a browser asks for none of them.")
    ] = "en",
    rubric: Annotated[Path | None, typer.Option(help="Another wording of the rubric.")] = None,
    anchor: Annotated[
        list[str] | None, typer.Option(metavar="SCORE=CLIP", help="Example clips of 1, 3 and 5 (score mode).")
    ] = None,
) -> None:
    """Check folders of clips against each other and make a study of them."""
    from animatrix.evaluate.study import definition
    from animatrix.evaluate.study.design import counts
    from animatrix.knowledge.taxonomy import LANGUAGES

    for given, known in ((mode, ("pair", "score")), (language, LANGUAGES)):
        if given not in known:
            raise AniMatrixError(Code.BAD_OPTION, f"no {given!r} here", f"choose one of {', '.join(known)}")
    folders = _named(system, "--system NAME=FOLDER")
    shown = {_score(k): path for k, path in _named(anchor or [], "--anchor SCORE=CLIP").items()}
    made = definition.create(
        folders,
        out,
        mode=mode,  # type: ignore[arg-type]
        raters=raters,
        trials=trials,
        seed=seed,
        title=title,
        language=language,  # type: ignore[arg-type]
        rubric=rubric,
        anchors=shown,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    ).definition
    gold = any(item.damaged for item in made.items.values())
    kinds = ", ".join(f"{n} {kind}" for kind, n in counts(trials, made.mode, gold).items() if n)
    print(f"{made.id}: {len(made.items)} items of {len(made.systems)} systems; a rater's {trials}: {kinds}")
    print(f"next: animatrix evaluate study serve {out} --invite {raters}")


@study.command(epilog="Example: animatrix evaluate study serve study --invite 10")
def serve(
    folder: _Folder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8765,
    invite: Annotated[int, typer.Option(min=0, help="Print so many new invitation links first.")] = 0,
    public_url: Annotated[
        str | None, typer.Option(help="How raters reach it, e.g. https://study.example, behind a proxy.")
    ] = None,
    database: _Database = None,
    quiet: Annotated[bool, typer.Option(help="No line for each request.")] = False,
) -> None:
    """Serve a study until it is stopped; started again, it goes on where it was."""
    import socket

    import uvicorn

    from animatrix.evaluate.study.server import study_app

    opened, store = open_store(folder, database)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol named: only then does asyncio send at once, without 40 ms of Nagle's algorithm an answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise AniMatrixError(
            Code.BAD_OPTION, f"cannot listen on {host}:{port}: {error.strerror}", "choose another --port"
        ) from None
    name = f"[{host}]" if ":" in host else host
    url = public_url or f"http://{name}:{listening.getsockname()[1]}"
    _print_links(url, store.invite(invite))
    print(f"serving {opened.definition.id} on {url}", file=sys.stderr, flush=True)
    if url.startswith("http:") and host not in ("127.0.0.1", "::1", "localhost"):
        print("links and votes travel in the clear: put a proxy with TLS before it", file=sys.stderr)
    log = None if quiet else (lambda line: print(line, file=sys.stderr, flush=True))
    app = study_app(opened, store, log=log, secure=url.startswith("https:"))
    settings = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_keep_alive=30
    )
    uvicorn.Server(settings).run(sockets=[listening])


@study.command(epilog="Example: animatrix evaluate study invite study --count 3 --url https://study.example")
def invite(
    folder: _Folder,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="New raters.")] = 1,
    url: Annotated[str, typer.Option(help="How raters reach the server.")] = "http://127.0.0.1:8765",
    again: Annotated[
        str | None, typer.Option(metavar="RATER", help="A new link for this rater; the old one ends.")
    ] = None,
    database: _Database = None,
) -> None:
    """Print invitation links; the server may be running. A link is one rater's, and is shown only now."""
    _, store = open_store(folder, database)
    if again is None:
        _print_links(url, store.invite(count))
        return
    token = store.renew(again)
    if token is None:
        raise AniMatrixError(Code.BAD_OPTION, f"no rater {again!r}", "study status --json lists them")
    _print_links(url, [token])


@study.command(epilog="Example: animatrix evaluate study status study")
def status(folder: _Folder, as_json: _Json = False, database: _Database = None) -> None:
    """How far the raters are."""
    _, store = open_store(folder, database)
    counts, raters = store.counts(), store.raters()
    if as_json:
        print(json.dumps({**counts, "raters": raters}))
        return
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    for rater, done in raters.items():
        print(f"{rater}  {done}")


@study.command(epilog="Example: animatrix evaluate study export study --out votes --csv")
def export(
    folder: _Folder,
    out: Annotated[Path, typer.Option(help="Folder for votes.jsonl and study_votes.jsonl.")] = Path("votes"),
    as_csv: Annotated[bool, typer.Option("--csv", help="votes.csv as well.")] = False,
    database: _Database = None,
) -> None:
    """Write the votes that stand: for `animatrix prefer`, and with all there is to them for the report."""
    from animatrix.evaluate.study.export import export as write

    opened, store = open_store(folder, database)
    for name, lines in write(opened, store, out, as_csv).items():
        print(f"{out / name}: {lines} lines")


def _named(texts: list[str], form: str) -> dict[str, Path]:
    """NAME=PATH options, each name once."""
    found: dict[str, Path] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise AniMatrixError(Code.BAD_OPTION, f"{text!r} is not of the form {form}")
        if name in found:
            raise AniMatrixError(Code.BAD_OPTION, f"{name} is given twice", f"give each {form} once")
        found[name] = Path(path)
    return found


def _score(text: str) -> int:
    if text not in ("1", "3", "5"):
        raise AniMatrixError(Code.BAD_OPTION, f"no anchor {text!r}", "anchors: 1, 3, 5")
    return int(text)


def _print_links(url: str, tokens: list[str]) -> None:
    for token in tokens:
        print(f"{url.rstrip('/')}/r/{token}", flush=True)
