"""Tokens, cookies and opaque names: what a browser holds says nothing, and cannot be made up.

An invitation token is 128 random bits; only its hash is stored. Opening it begins a session, whose signed id
is the cookie. Names of trials and clips are keyed hashes: the same clip has another name in every trial.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}$")
_NAME_BYTES = 16


def new_token() -> str:
    """128 random bits, 22 characters."""
    return secrets.token_urlsafe(16)


def hashed(token: str) -> str:
    """What is stored of a token or session: random 128 bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class Signer:
    """Signs with a study's secret; each use has its own label, so that none can stand for another."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _mac(self, use: str, *parts: str) -> str:
        text = "\0".join((use, *parts)).encode()
        mac = hmac.new(self._secret, text, hashlib.sha256).digest()[:_NAME_BYTES]
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")

    def cookie(self, session: str) -> str:
        """The cookie of a session."""
        return f"{session}.{self._mac('cookie', session)}"

    def session(self, cookie: str | None) -> str | None:
        """The session of a cookie that was given here, else None."""
        session, _, mac = (cookie or "").partition(".")
        if not TOKEN.match(session) or not mac.isascii():
            return None
        return session if hmac.compare_digest(mac, self._mac("cookie", session)) else None

    def csrf(self, session: str) -> str:
        """What a page of this session sends with every change."""
        return self._mac("csrf", session)

    def right_csrf(self, session: str, given: str | None) -> bool:
        return given is not None and given.isascii() and hmac.compare_digest(given, self.csrf(session))

    def rater(self, token_hash: str) -> str:
        """Pseudonym of an invitation."""
        return "r-" + self._mac("rater", token_hash)[:10].replace("_", "A").replace("-", "B")

    def trial(self, rater: str, slot: int, number: int) -> str:
        return self._mac("trial", rater, str(slot), str(number))

    def frames(self, trial: str, role: str) -> str:
        """Name of what stands as ``role`` (left, right, anchor1 ...) in a trial."""
        return self._mac("frames", trial, role)
