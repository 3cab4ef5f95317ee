"""Clips of a curated dataset as items: 24 frames a second, cut to the bucket, damaged ones named."""

from __future__ import annotations

import hashlib
import json
import logging

import numpy as np
import pytest
from stock import Averages, recipe

from animatrix.corpus.settings import FORMAT
from animatrix.corpus.tables import MANIFEST, parquet
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Taxonomy
from animatrix.media import Clip, write_video
from animatrix.train.data import Samples
from animatrix.train.data.curated import CuratedSource
from animatrix.train.data.shards import Damage
from animatrix.train.plan import Bucket

OURS = Taxonomy.default().version
TAGS = {
    "camera_move": [{"value": "pan_left", "span": None}],
    "impact_frame": [{"value": "white_frame", "span": [10, 11]}],
    "palette": [{"value": "unknown", "span": None}],
}


def numbered(frames, size):
    """Frame k is grey 5k, which survives the codec."""
    levels = (np.arange(frames) * 5 % 256).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (frames, size[1], size[0], 3)).copy()


def dataset(folder, clips, version=OURS):
    """A dataset of clips (frames, fps, size), as `animatrix curate` lays it out."""
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    for i, (frames, fps, size) in enumerate(clips):
        path = folder / "clips" / "aa" / f"clip-{i}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(Clip(numbered(frames, size), fps), path)
        directive = {"narrative": f"Shot {i}.", "tags": TAGS, "frames": frames, "fps": fps}
        blank = {
            name: [] if kind.startswith("list") else "" if kind == "string" else 0
            for name, kind in MANIFEST.items()
        }
        rows.append(
            blank
            | {
                "key": f"key-{i}", "source": "film.mkv", "shot": i, "end": frames / fps, "fps": fps,
                "frames": frames, "vfr": False, "width": size[0], "height": size[1], "crop": None,
                "directive": json.dumps(directive | {"taxonomy_version": version}), "confidence": "{}",
                "taxonomy_version": version, "clip": f"clips/aa/clip-{i}.mp4",
                "clip_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )  # fmt: skip
    (folder / "manifest.parquet").write_bytes(parquet(rows, MANIFEST))
    (folder / "dataset.json").write_text(json.dumps({"format": FORMAT, "taxonomy_version": version}))
    return folder


def levels(frames):
    """The numbers that frames were drawn with."""
    return np.rint(frames.mean((1, 2, 3)) / 5).astype(int).tolist()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    clips = [(33, 24.0, (160, 96)), (20, 12.0, (160, 96)), (45, 30.0, (96, 160)), (12, 24.0, (200, 96))]
    return dataset(folder, clips)


def test_an_item_is_what_the_captioner_read_at_24_frames_a_second(film):
    source = CuratedSource("film", film)
    cards = source.known(0)
    assert [card.frames for card in cards] == [33, 40, 36, 12] and source.count == 4
    assert cards[0].kind == "deformation" and 0 < cards[0].deformation <= 1
    asked = cards[0].asked()
    assert asked.tag_strings() == ["camera_move=pan_left", "impact_frame=white_frame@10-11"]
    assert (asked.narrative, asked.fps) == ("Shot 0.", 24.0)


def test_rates_are_converted_by_the_nearest_frame(film):
    source = CuratedSource("film", film)
    bucket = Bucket(33, 80, 48)
    first = source.window(source.card(1), bucket)
    _, (frames,) = source.clip(1, [bucket])
    # 12 frames a second: every frame is shown twice; frame k stands for the time until halfway to the next
    expected = [min(round((first + k) / 2 - 1e-3), 19) for k in range(33)]
    assert frames.shape == (33, 48, 80, 3) and levels(frames) == expected
    _, (frames,) = source.clip(2, [Bucket(33, 96, 160)])
    assert all(b - a in (1, 2) for a, b in zip(levels(frames), levels(frames)[1:], strict=False))


def test_a_bucket_shows_a_window_of_its_length_and_the_spans_in_it(film):
    source = CuratedSource("film", film)
    starts = set()
    for frames in (5, 9, 13, 17):
        bucket = Bucket(frames, 160, 96)
        first = source.window(source.card(0), bucket)
        starts.add(first)
        _, (shown,) = source.clip(0, [bucket])
        assert levels(shown) == list(range(first, first + frames))
        asked = source.asked(source.card(0), bucket)
        assert asked.frames == frames
        spans = [tag.span for tag in asked.tags.get("impact_frame", ())]
        inside = [k - first for k in (10, 11) if 0 <= k - first < frames]
        assert spans == ([(inside[0], inside[-1])] if inside else [])
    assert len(starts) > 1
    again = CuratedSource("film", film)
    assert again.window(again.card(0), Bucket(9, 160, 96)) == source.window(
        source.card(0), Bucket(9, 160, 96)
    )


def test_an_item_goes_into_buckets_that_show_most_of_it(film):
    source = CuratedSource("film", film)
    wide, tall = Bucket(9, 160, 96), Bucket(9, 96, 160)
    assert [source.fits(card, wide) for card in source.known(0)] == [True, True, False, True]
    assert [source.fits(card, tall) for card in source.known(0)] == [False, False, True, False]
    assert not source.fits(source.card(3), Bucket(13, 160, 96))  # 12 frames long
    _, (none, stills) = source.clip(2, [wide, Bucket(1, 96, 160)])
    assert len(none) == 0 and stills.shape == (3, 160, 96, 3)


def test_a_dataset_of_another_major_taxonomy_is_refused_in_one_line(tmp_path):
    folder = dataset(tmp_path / "old", [(9, 24.0, (48, 32))], version="99.0.0")
    with pytest.raises(AniMatrixError, match=r"written for taxonomy 99\.0\.0, but this is") as caught:
        CuratedSource("old", folder)
    assert caught.value.code is Code.TAXONOMY_VERSION and "\n" not in str(caught.value)


def test_no_dataset_and_an_empty_one_are_refused(tmp_path):
    with pytest.raises(AniMatrixError) as caught:
        CuratedSource("none", tmp_path)
    assert caught.value.code is Code.FILE_MISSING
    with pytest.raises(AniMatrixError, match="holds no shot"):
        CuratedSource("empty", dataset(tmp_path / "empty", []))


def test_another_content_is_another_folder_of_the_cache(film, tmp_path):
    other = dataset(tmp_path / film.name, [(33, 24.0, (160, 96))])
    assert CuratedSource("film", film).key != CuratedSource("film", other).key
    assert CuratedSource("film", film).key == CuratedSource("film", film).key


def test_missing_and_damaged_clips_are_named_and_passed_over(tmp_path, caplog):
    folder = dataset(tmp_path / "film", [(13, 24.0, (48, 32))] * 6)
    (folder / "clips" / "aa" / "clip-1.mp4").unlink()
    broken = folder / "clips" / "aa" / "clip-4.mp4"
    broken.write_bytes(broken.read_bytes()[:-200])
    source = CuratedSource("film", folder)
    for index, said in ((1, "missing"), (4, "not the clip that was curated")):
        with pytest.raises(Damage, match=rf"clip-{index}\.mp4 is {said}"):
            source.clip(index, [Bucket(9, 48, 32)])
    made = recipe(
        tmp_path,
        batch=32,
        sources=[{"name": "film", "curated": str(folder)}],
        buckets=["48x32x1", "48x32x9"],
    )
    samples = Samples(made, Averages())
    with caplog.at_level(logging.WARNING, "animatrix.train"):
        for step in range(4):
            plan = samples.plan(step)
            items = samples.load(plan, plan.draws)
            shown = {item.name.split(" (")[0] for item in items}
            assert len(items) == 32 and shown == {f"film/film.mkv#{i}" for i in (0, 2, 3, 5)}
    said = " ".join(r.getMessage() for r in caplog.records)
    assert "clip-1.mp4 is missing" in said and "clip-4.mp4 is not the clip" in said


def test_a_dataset_of_another_minor_release_is_read(tmp_path):
    major = OURS.split(".")[0]
    folder = dataset(tmp_path / "film", [(13, 24.0, (48, 32))], version=f"{major}.99.0")
    card = CuratedSource("film", folder).card(0)
    assert not card.fault and Directive.model_validate(json.loads(card.directive)).frames == 13
