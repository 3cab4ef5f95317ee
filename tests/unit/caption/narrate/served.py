"""A server that speaks the protocol of vLLM on the loopback, and holds each request to it.

``Server`` answers ``GET /v1/models`` and ``POST /v1/chat/completions``. Each answer is taken from ``script``
in turn (the last one stays): a text is what the model says; a function gets the request handler and writes
whatever fault it likes. ``requests`` holds every request body that passed the checks; what fails them is
answered 400, as a real server would, and noted in ``broken``.
"""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

MODEL = "studio/tiny-vl"
FORMS = ("structured_outputs", "response_format")
# Keywords that vLLM's default grammar compiler refuses.
UNSUPPORTED = ("uniqueItems", "contains", "multipleOf", "patternProperties", "propertyNames")


class Server:
    """``owner`` is what the model list says runs it; ``refuses`` names the forms answered with 400."""

    def __init__(self, script=(), owner="vllm", refuses=(), models=(MODEL,)):
        self.script = list(script)
        self.owner, self.refuses, self.models = owner, refuses, models
        self.requests, self.broken, self.headers = [], [], []
        self.pictures = []  # decoded pictures of each request
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # a client that hangs up is part of the play
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self.spec = f"openai:{self.url}#{MODEL}"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    def says(self):
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def check(self, body):
        """The request as vLLM would judge it: (status, message) of a refusal, or None."""
        if body.get("model") not in self.models:
            return 404, f"The model `{body.get('model')}` does not exist."
        for message in body["messages"]:
            assert message["role"] in ("system", "user", "assistant")
        shown = []
        for part in body["messages"][1]["content"]:
            if part["type"] == "image_url":
                kind, _, data = part["image_url"]["url"].partition(";base64,")
                if kind not in ("data:image/jpeg", "data:image/png"):
                    return 400, "cannot identify image file"
                picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
                if picture is None:
                    return 400, "cannot identify image file"
                shown.append(picture[..., ::-1])
        for form in FORMS:
            if form in body and form in self.refuses:
                return 400, f"[{{'type': 'extra_forbidden', 'loc': ('body', '{form}')}}]"
        schema = schema_of(body)
        if schema is not None and any(f'"{word}"' in json.dumps(schema) for word in UNSUPPORTED):
            return 400, "The provided JSON schema contains features not supported by xgrammar."
        if not 0 < body.get("max_tokens", 1) <= 8192:
            return 400, "max_tokens must be at least 1"
        self.pictures.append(shown)
        return None

    def _handler(server):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                if self.path != "/v1/models":
                    return self.reply(404, {"error": {"message": "Not Found"}})
                listed = [{"id": m, "object": "model", "owned_by": server.owner} for m in server.models]
                self.reply(200, {"object": "list", "data": listed})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.headers.append(dict(self.headers))
                if self.path != "/v1/chat/completions":
                    return self.reply(404, {"error": {"message": "Not Found"}})
                if refused := server.check(body):
                    server.broken.append(refused[1])
                    return self.reply(refused[0], {"error": {"message": refused[1], "code": refused[0]}})
                server.requests.append(body)
                said = server.says()
                said(self) if callable(said) else self.complete(said)

            def complete(self, text, finish="stop"):
                message = {"role": "assistant", "content": text}
                choice = {"index": 0, "message": message, "finish_reason": finish}
                self.reply(200, {"object": "chat.completion", "model": MODEL, "choices": [choice]})

            def reply(self, status, document, headers=()):
                raw = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                kind = "text/html" if isinstance(document, bytes) else "application/json"
                for name, value in (("Content-Type", kind), ("Content-Length", str(len(raw))), *headers):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

        return Handler


def schema_of(body):
    """The JSON Schema a request carries, in whichever form."""
    if "structured_outputs" in body:
        return body["structured_outputs"]["json"]
    if "response_format" in body:
        assert body["response_format"]["type"] == "json_schema"
        return body["response_format"]["json_schema"]["schema"]
    return None
