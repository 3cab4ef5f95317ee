"""Models behind an OpenAI-compatible server, such as vLLM: ``POST {URL}/chat/completions``.

The answer is constrained by the schema: as ``structured_outputs`` where the server says it is vLLM, else as
the ``response_format`` of OpenAI. A server that refuses one with 400 is asked the other way, then without.
The key comes from the environment variable ANIMATRIX_API_KEY and goes to this server only: redirects are
refused.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from animatrix.caption.narrate.narrator import NarratorFault, Reply
from animatrix.caption.narrate.question import Part, Question
from animatrix.errors import AniMatrixError, Code

KEY_VARIABLE = "ANIMATRIX_API_KEY"
MOST_TOKENS = 4096
MOST_BYTES = 2_000_000  # of an answer; a narrative and forty fields take some ten thousand
TRIES = 3
LONGEST_PAUSE = 30.0  # seconds, whatever the server asks for
RETRIED = (429, 500, 502, 503, 504)
REFUSED = (400, 422)
USAGE = "write openai:http://HOST:PORT/v1#MODEL"


class ServedModel:
    """One model of one server. ``pause`` seconds before the first retry, doubled for each further one."""

    def __init__(self, url: str, name: str, timeout: float = 120.0, pause: float = 1.0) -> None:
        self.name = name
        self._url = url
        self._timeout = timeout
        self._pause = pause
        self._forms: list[str] | None = None  # ways to send the schema, the one to try first in front
        self._served: list[str] = []
        self._options: dict[str, Any] = {"max_tokens": MOST_TOKENS, "temperature": 0.0, "seed": 0}
        self._opener = urllib.request.build_opener(_NoRedirect)

    @classmethod
    def from_spec(cls, spec: str, timeout: float = 120.0) -> ServedModel:
        """Read ``URL#MODEL``; raises ``bad-option``."""
        url, _, name = spec.partition("#")
        try:
            parts = urlsplit(url)
            port_is_fine = parts.port is None or parts.port > 0
        except ValueError:
            raise _bad(f"cannot read the narrator's URL {url[:80]!r}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
            raise _bad(f"a narrator's URL begins with http:// or https://, not {url[:80]!r}")
        if any(ord(c) <= 32 or ord(c) > 126 for c in url):
            raise _bad("a narrator's URL has no spaces and only ASCII characters")
        if parts.username or parts.password or parts.query:
            raise _bad("a narrator's URL carries no password and no query", f"put a key in {KEY_VARIABLE}")
        if not name.strip():
            raise _bad(f"which model of {url[:80]}?")
        path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
        return cls(f"{parts.scheme}://{parts.netloc}{path}", name.strip(), timeout)

    def ask(self, asked: Question) -> Reply:
        """The model's reply; raises :class:`NarratorFault`. What a server refuses is not sent to it again."""
        if self._forms is None:
            self._forms = self._meet_server()
        forms, options = list(self._forms), dict(self._options)
        body = {"model": self.name, "messages": [_message(turn.role, turn.parts) for turn in asked.turns]}
        while True:
            status, raw = self._send("/chat/completions", {**body, **options, **_schema_in(forms[0], asked)})
            if status == 200:
                self._forms, self._options = forms, options
                text, cut = _read_reply(raw)
                return Reply(text, cut, forms[0])
            said = _error_text(raw)
            if status == 404 and self._served and self.name not in self._served:
                served = ", ".join(self._served[:5])
                raise NarratorFault(f"the server has no model {self.name!r}; it serves {served}")
            if status not in REFUSED or not _yields(said, forms, options):
                raise NarratorFault(f"the server answered {status}: {said}")

    def _meet_server(self) -> list[str]:
        """Ways to send the schema, best first, by what the server says of itself."""
        status, raw = self._send("/models", None)
        vllm = False
        if status == 200:
            try:
                models = json.loads(raw)["data"]
                self._served = [str(model["id"]) for model in models]
                vllm = any(model.get("owned_by") == "vllm" for model in models)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self._served = []
        first = ["structured_outputs", "response_format"]
        return [*(first if vllm else first[::-1]), "none"]

    def _send(self, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        """Status and content of the answer, retried while the server is busy or cannot be reached."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key := os.environ.get(KEY_VARIABLE, "").strip():
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url + path, data, headers)
        pause = self._pause
        for attempt in range(1, TRIES + 1):
            wait = pause
            try:
                status, raw, asked_wait = self._once(request)
                if status not in RETRIED or attempt == TRIES:
                    return status, raw
                wait = max(pause, asked_wait)
            except TimeoutError:
                raise NarratorFault(f"no answer within {self._timeout:g} s") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if attempt == TRIES:
                    raise NarratorFault(f"cannot reach {self._url}: {_one_line(str(error))}") from None
            time.sleep(min(wait, LONGEST_PAUSE))
            pause *= 2
        raise AssertionError("unreachable")

    def _once(self, request: urllib.request.Request) -> tuple[int, bytes, float]:
        """Status, content and the seconds the server wants to be left alone."""
        deadline = time.monotonic() + self._timeout
        try:
            response = self._opener.open(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            response = error
        except urllib.error.URLError as error:
            if isinstance(error.reason, (TimeoutError, socket.timeout)):
                raise TimeoutError from None
            raise OSError(error.reason) from None
        with response:
            raw = b""
            # In pieces: a server that sends a byte a second must not hold us for ever.
            while piece := response.read1(65536):
                raw += piece
                if len(raw) > MOST_BYTES:
                    raise NarratorFault(f"the answer is longer than {MOST_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError
            promised = response.headers.get("Content-Length", "")
            if promised.isdecimal() and len(raw) < int(promised[:18]):
                raise OSError("the answer breaks off")
            return response.status, raw, _seconds(response.headers.get("Retry-After", ""))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other error: the key must not follow it elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _yields(said: str, forms: list[str], options: dict[str, Any]) -> bool:
    """Leave out what the server says it refuses; False when there is nothing left to leave out."""
    if "max_completion_tokens" in said and "max_tokens" in options:
        options["max_completion_tokens"] = options.pop("max_tokens")
        return True
    for name in ("temperature", "seed"):
        if name in said and name in options:
            del options[name]
            return True
    if len(forms) > 1:
        forms.pop(0)
        return True
    return False


def _bad(message: str, hint: str = USAGE) -> AniMatrixError:
    return AniMatrixError(Code.BAD_OPTION, message, hint)


def _message(role: str, parts: Sequence[Part]) -> dict[str, Any]:
    if all(isinstance(part, str) for part in parts):
        return {"role": role, "content": "\n".join(str(part) for part in parts)}
    return {"role": role, "content": [_content(part) for part in parts]}


def _content(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": data_uri(part)}}


def data_uri(rgb: np.ndarray) -> str:
    """A picture uint8 ``[h,w,3]`` RGB as a JPEG data URI."""
    done, jpeg = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert done
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()


def _schema_in(form: str, asked: Question) -> dict[str, Any]:
    if form == "structured_outputs":
        return {"structured_outputs": {"json": asked.schema}}
    if form == "response_format":
        named = {"name": "shot", "schema": asked.schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    return {}


def _read_reply(raw: bytes) -> tuple[str, bool]:
    """The model's text and whether it was cut; raises :class:`NarratorFault`."""
    try:
        choice = json.loads(raw)["choices"][0]
        message = choice["message"]
        text = message["content"]
        cut = choice.get("finish_reason") == "length"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise NarratorFault(f"not a chat completion: {_error_text(raw)}") from None
    if isinstance(text, str):
        return text, cut
    refusal = message.get("refusal")
    raise NarratorFault(f"the model refused: {_one_line(str(refusal))}" if refusal else "the answer is empty")


def _error_text(raw: bytes) -> str:
    """What an error page says, in one short line."""
    try:
        found = json.loads(raw)
        error = found.get("error", found)
        message = error.get("message", error) if isinstance(error, dict) else error
        return _one_line(str(message))
    except (ValueError, AttributeError, RecursionError):
        return _one_line(raw[:400].decode("utf-8", "replace")) or "(nothing)"


def _one_line(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(plain.split())[:200]


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0
