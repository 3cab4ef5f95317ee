"""``animatrix caption``: the document of the contract, one line for a mistake, the right answer at 1080p."""

from __future__ import annotations

import json
from itertools import product

import pytest
from footage import LOOKS, Take, as_generated, encode, film

from animatrix.cli import main
from animatrix.knowledge import Taxonomy
from animatrix.media import write_video


def run_json(capsys, *args: str) -> dict:
    assert main(["caption", *args, "--json"]) == 0
    out, _ = capsys.readouterr()
    return json.loads(out)


def values(document: dict, field: str) -> list[str]:
    return [tag["value"] for tag in document["shots"][0]["tags"].get(field, [])]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    clip = film(Take("pan_left", "twos", "painted", seed=71))
    return write_video(clip, tmp_path_factory.mktemp("film") / "pan.mp4")


def test_the_document_is_that_of_the_contract(capsys, video):
    document = run_json(capsys, str(video))
    assert set(document) == {"video", "taxonomy_version", "shots", "faults"}
    assert document["faults"] == []
    assert document["video"] == str(video)
    assert document["taxonomy_version"] == Taxonomy.default().version
    (shot,) = document["shots"]
    contract = {"start", "end", "fps", "frames", "tags", "abstained", "narrative"}
    assert set(shot) == contract | {"reasons", "narration"}, "keys may be added, never taken away"
    assert (shot["start"], shot["fps"], shot["frames"]) == (0.0, 24.0, 33)
    assert shot["end"] == pytest.approx(33 / 24, abs=1e-4)
    assert values(document, "camera_move") == ["pan_left"]
    assert values(document, "drawing_cadence") == ["twos"]
    assert "The animation is on twos." in shot["narrative"] and "The camera pans left." in shot["narrative"]
    for field, tags in shot["tags"].items():
        assert field not in shot["abstained"]
        for tag in tags:
            assert set(tag) == {"value", "confidence", "span", "source", "evidence"}
            known = Taxonomy.default().field(field)
            assert tag["value"] in known.values or (tag["value"] == "none" and known.allows_none)
            assert 0.5 <= tag["confidence"] <= 1
            assert 0 <= tag["span"][0] <= tag["span"][1] <= 32
            assert tag["source"] in ("measured", "recognised")
            assert tag["evidence"]


def test_the_same_file_gives_the_same_document(capsys, video):
    assert run_json(capsys, str(video)) == run_json(capsys, str(video))


def test_several_videos_are_one_document(capsys, video):
    documents = run_json(capsys, str(video), str(video))
    assert isinstance(documents, list) and len(documents) == 2
    assert documents[0] == documents[1]


def test_one_field_can_be_asked_for(capsys, video):
    document = run_json(capsys, str(video), "--field", "drawing_cadence")
    assert list(document["shots"][0]["tags"]) == ["drawing_cadence"]


def test_a_table_is_printed_without_json(capsys, video):
    assert main(["caption", str(video)]) == 0
    out, _ = capsys.readouterr()
    assert "pan_left" in out and "twos" in out and "The camera pans left." in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none.mp4"], "error[file-missing]: no such file: none.mp4"),
        (["."], "error[not-a-file]: . is a directory; give a video file such as .mp4, .mkv, .mov or .webm"),
        (
            ["text.mp4"],
            "error[not-a-video]: text.mp4 is not a video: invalid data found when processing input; "
            "give a video file such as .mp4, .mkv, .mov or .webm",
        ),
        (
            ["pan.mp4", "--field", "camera_mov"],
            "error[unknown-field]: unknown field 'camera_mov'; did you mean 'camera_move'?",
        ),
    ],
)
def test_a_mistake_gives_one_line_and_status_2(capsys, monkeypatch, tmp_path, video, arguments, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("this is no film\n" * 50)
    (tmp_path / "pan.mp4").write_bytes(video.read_bytes())
    assert main(["caption", *arguments, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip() == line


GRID = list(product(["pan_left", "pan_right", "fix"], ["ones", "twos", "threes"], LOOKS))


@pytest.mark.parametrize(("move", "cadence", "look"), GRID)
def test_small_soft_clips_are_read_right(capsys, tmp_path, move, cadence, look):
    clip = as_generated(film(Take(move, cadence, look, seed=72, figure=0.9)), seed=72)
    document = run_json(capsys, str(write_video(clip, tmp_path / "clip.mp4")))
    found = document["shots"][0]["tags"].get("camera_move")
    # A figure redrawn on every frame parts from the plate as a layer would, and a sparse plate gives
    # little to follow: silence is right, a truck is not.
    silent = (cadence == "ones" or look == "sparse") and not found
    assert silent or values(document, "camera_move") == [move]
    assert values(document, "drawing_cadence") == [cadence]


def read_at_full_size(capsys, folder, take: Take, crf: int) -> None:
    document = run_json(capsys, str(encode(film(take), folder / "film.mp4", crf)))
    assert values(document, "camera_move") == [take.move]
    assert values(document, "drawing_cadence") == [take.cadence]


@pytest.mark.parametrize(("move", "cadence"), list(product(["pan_left", "pan_right", "fix"], ["twos"])))
def test_full_size_film_is_read_right(capsys, tmp_path, move, cadence):
    read_at_full_size(capsys, tmp_path, Take(move, cadence, "painted", (1920, 1080), 24, seed=73), 23)


@pytest.mark.slow
@pytest.mark.parametrize(("move", "cadence", "look"), GRID)
@pytest.mark.parametrize("crf", [18, 28])
def test_full_size_film_is_read_right_whatever_it_shows(capsys, tmp_path, move, cadence, look, crf):
    rides = "plate" if crf == 18 else "walks"
    take = Take(move, cadence, look, (1920, 1080), 30, seed=74, figure=0.6, rides=rides, grain=3.0)
    read_at_full_size(capsys, tmp_path, take, crf)
