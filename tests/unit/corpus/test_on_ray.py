"""The Ray engine: the same bytes as the local one, and a poisoned file costs that file only."""

from __future__ import annotations

import pytest
from films import POISONED, READER, content, drawn, film

from animatrix.corpus import Manifest, curate
from animatrix.corpus.attend import QUARANTINED

pytest.importorskip("ray.data")


@pytest.mark.timeout(1800)  # Ray starts three times, which takes minutes on a busy machine
@pytest.mark.slow
def test_ray_gives_the_bytes_of_the_local_engine_and_survives_poison(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    film(folder / "good.mp4", [drawn(1), drawn(2)])
    film(folder / "better.mp4", [drawn(3)])
    curate(folder, tmp_path / "local", READER, workers=2)
    curate(folder, tmp_path / "ray", READER, engine="ray", workers=2)
    assert content(tmp_path / "ray") == content(tmp_path / "local")
    assert not curate(folder, tmp_path / "ray", READER, engine="ray").changed

    for index, word in enumerate(["killed", "exits", "raises", "patricide"]):
        film(folder / f"{word}_file.mp4", [drawn(10 + index)])
    (folder / "zero.mp4").write_bytes(b"")
    done = curate(folder, tmp_path / "poisoned", POISONED, engine="ray", workers=2)
    assert done.refused == {QUARANTINED: 4, "not_a_video": 1} and done.kept == 3
    found = {r["source"]: r["text"] for r in Manifest(tmp_path / "poisoned").rejects()}
    assert "killed by signal 9" in found["killed_file.mp4"]
    assert "ended its worker and whoever started it" in found["patricide_file.mp4"]
