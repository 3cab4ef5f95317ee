"""One study, made once; tests take copies."""

from __future__ import annotations

import pytest
from studies import Serving, copied, make_study


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A pair study of two systems with 16 items."""
    return make_study(tmp_path_factory.mktemp("made"), items=16, trials=20)


@pytest.fixture(scope="module")
def serving(made, tmp_path_factory):
    """Its server, started, and invitations to take from: ``serving.tokens``."""
    with Serving(copied(made, tmp_path_factory.mktemp("serving"))) as server:
        server.tokens = server.start(invite=60)
        yield server
