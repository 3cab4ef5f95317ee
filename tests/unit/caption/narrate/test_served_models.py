"""Narration by a model behind a server: what is asked, what is believed, and every way it can go wrong."""

from __future__ import annotations

import json
import socket
import time

import numpy as np
import pytest
from served import FORMS, MODEL, Server, schema_of

from animatrix.caption.narrate import narrator
from animatrix.caption.narrate.grammar import Grammar
from animatrix.caption.narrate.narrator import ModelNarrator
from animatrix.caption.narrate.server import MOST_BYTES, TRIES, ServedModel
from animatrix.caption.tag import CaptionTag
from animatrix.errors import AniMatrixError, Code

FIELDS = ("action", "shot_scale", "manga_symbol")


def answer(narrative="A square slides to the right.", **tags):
    said = {"action": "unknown", "shot_scale": "unknown", "manga_symbol": "none", **tags}
    listed = {f: v if isinstance(v, list) else [{"value": v, "span": None}] for f, v in said.items()}
    return json.dumps({"narrative": narrative, "tags": listed})


GOOD = answer(action=[{"value": "run", "span": [0, 11]}], shot_scale="full")


def tell(server, fields=FIELDS, timeout=20.0, model=MODEL):
    served = ServedModel(server.url, model, timeout=timeout, pause=0.01)
    return ModelNarrator(server.spec, served, fields)


def told(shot, measured, *script, **how):
    with Server(script, **how) as server:
        return tell(server).narrate(shot, measured), server


def values(narration):
    return {name: [tag.value for tag in tags] for name, tags in narration.tags.items()}


# What is asked


def test_the_answer_becomes_a_narrative_and_tags_of_source_narrated(shot, measured):
    narration, server = told(shot, measured, GOOD)
    assert narration.narrative == "A square slides to the right."
    assert values(narration) == {"action": ["run"], "shot_scale": ["full"], "manga_symbol": ["none"]}
    (run,) = narration.tags["action"]
    assert (run.source, run.span, run.evidence) == ("narrated", (0, 11), {"model": MODEL})
    assert narration.rejected == [] and server.broken == []


def test_facts_drawings_and_events_are_in_the_request(shot, measured):
    _, server = told(shot, measured, GOOD)
    (request,), (pictures,) = server.requests, server.pictures
    text = "\n".join(p["text"] for p in request["messages"][1]["content"] if p["type"] == "text")
    assert "camera_move=fix" in text and "impact_frame=white_frame@8-8" in text
    assert "1.00 s: frames 0 to 23" in text and "drawings:" in text
    # The drawing kept whole is sent in full colour and size; the event as a strip that shows the flash.
    assert any(
        p.shape == (432, 768, 3) and np.abs(p.mean((0, 1)) - (200, 40, 40)).max() < 8 for p in pictures
    )
    strip = next(p for p in pictures if p.shape[1] > 3 * p.shape[0])
    assert strip[:, 160:320].mean() > 240 and strip[:, :160].mean() < 200
    assert "Consecutive frames 7 to 9" in text


def test_the_schema_asks_for_just_the_fields_and_admits_unknown(shot, measured):
    _, server = told(shot, measured, GOOD)
    schema = schema_of(server.requests[0])
    assert tuple(schema["properties"]["tags"]["properties"]) == FIELDS
    grammar = Grammar(schema)
    allows = lambda text: grammar.complete(grammar.advance(grammar.start, text))  # noqa: E731
    assert allows(GOOD) and allows(answer()) and not allows(answer(action="runs"))
    assert not allows(answer(shot_scale=[]))


def test_by_default_what_pixels_settled_is_not_asked(shot, measured):
    with Server(["{}"]) as server:
        tell(server, fields=None).narrate(shot, measured)
    asked = schema_of(server.requests[0])["properties"]["tags"]["properties"]
    assert "palette" not in asked and "camera_move" not in asked and "drawing_cadence" not in asked
    assert "action" in asked and "line_style" in asked


@pytest.mark.parametrize(
    ("owner", "refuses", "form"),
    [
        ("vllm", (), "structured_outputs"),
        ("someone", (), "response_format"),
        ("vllm", ("structured_outputs",), "response_format"),
        ("someone", ("response_format",), "structured_outputs"),
        ("someone", FORMS, "none"),
    ],
)
def test_the_schema_goes_in_the_form_the_server_takes(shot, measured, owner, refuses, form):
    with Server([GOOD], owner=owner, refuses=refuses) as server:
        teller = tell(server)
        first, second = teller.narrate(shot, measured), teller.narrate(shot, measured)
    assert first.provenance["constrained"] == form and first.narrative
    carried = [f for f in FORMS if f in server.requests[0]]
    assert carried == ([] if form == "none" else [form])
    assert second.narrative and len(server.broken) == len(
        refuses if form == "none" else set(refuses) - {form}
    )


def test_the_key_of_the_environment_is_sent_and_never_kept(shot, measured, monkeypatch):
    monkeypatch.setenv("ANIMATRIX_API_KEY", "sesame")
    narration, server = told(shot, measured, GOOD)
    assert server.headers[0]["Authorization"] == "Bearer sesame"
    assert "sesame" not in json.dumps(narration.provenance)


def test_provenance_names_the_model_and_the_hashes_of_what_was_asked(shot, measured):
    one, _ = told(shot, measured, GOOD)
    again, _ = told(shot, measured, GOOD)
    other, _ = told(shot, {**measured, "palette": [CaptionTag("muted", 0.9, (0, 23))]}, GOOD)
    known = one.provenance
    assert known["model"] == MODEL and known["requests"] == 1 and known["seconds"] >= 0
    assert len(known["prompt_hash"]) == len(known["schema_hash"]) == 16
    assert again.provenance["prompt_hash"] == known["prompt_hash"] != other.provenance["prompt_hash"]
    assert json.loads(json.dumps(known)) == known


# What is believed


def test_studio_words_are_understood(shot, measured):
    narration, _ = told(shot, measured, answer(action="running", shot_scale="フルショット"))
    assert values(narration)["action"] == ["run"] and values(narration)["shot_scale"] == ["full"]


def test_a_fenced_answer_after_thinking_aloud_is_read(shot, measured):
    narration, _ = told(shot, measured, f"<think>Hmm {{</think>\n```json\n{GOOD}\n```")
    assert narration.narrative and values(narration)["action"] == ["run"]


def test_a_faulty_answer_is_repaired_once_quoting_what_was_wrong(shot, measured):
    narration, server = told(shot, measured, answer(action="flies about"), GOOD)
    assert values(narration)["action"] == ["run"] and narration.rejected == []
    first, second = server.requests
    said = [m["content"] for m in second["messages"][len(first["messages"]) :]]
    assert "flies about" in said[0] and "unknown value 'flies about' for action" in said[1]
    assert narration.provenance["requests"] == 2 and "flies about" in narration.provenance["repaired"][0]


def test_what_is_wrong_twice_is_left_out_with_a_reason_and_the_rest_kept(shot, measured):
    bad = answer(action="flies about", shot_scale="full")
    narration, server = told(shot, measured, bad)
    assert len(server.requests) == 2
    assert values(narration) == {"shot_scale": ["full"], "manga_symbol": ["none"]}
    assert any("flies about" in line for line in narration.rejected) and narration.narrative


def test_a_value_that_contradicts_the_pixels_is_rejected(shot, measured):
    narration, server = told(shot, measured, answer(palette="muted"))
    assert "palette=muted contradicts the pixels, which show vivid" in narration.rejected
    assert "palette" not in narration.tags and narration.narrative
    assert "palette" not in schema_of(server.requests[0])["properties"]["tags"]["properties"]


def test_a_value_that_confirms_the_pixels_is_welcome(shot, measured):
    narration, _ = told(shot, measured, answer(palette="vivid"))
    assert values(narration)["palette"] == ["vivid"] and narration.rejected == []


def test_a_value_the_rules_forbid_beside_what_was_measured_is_rejected(shot, measured):
    # Television of the sixties implies a monochrome palette; the pixels show a vivid one.
    said = {"narrative": "x", "tags": {"era_look": [{"value": "tv_1960s_monochrome", "span": None}]}}
    with Server([json.dumps(said)]) as server:
        narration = tell(server, fields=("era_look",)).narrate(shot, measured)
    assert narration.tags == {}
    assert any(line.startswith("era_look=tv_1960s_monochrome dropped") for line in narration.rejected)


def test_a_guess_of_the_recogniser_may_be_answered_otherwise(shot, measured):
    guess = {**measured, "shot_scale": [CaptionTag("long", 0.7, (0, 23), "recognised")]}
    narration, server = told(shot, guess, GOOD)
    assert values(narration)["shot_scale"] == ["full"] and not narration.rejected
    assert "Guessed" in json.dumps(server.requests[0])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(action=[{"value": "run", "span": [30, 40]}]), "outside the shot"),
        (answer(action=[{"value": "run", "span": [9, 3]}]), "ends before it starts"),
        (answer(action=[{"value": "run", "span": "soon"}]), "a span is [first, last]"),
        (answer(action=[{"value": "none", "span": None}]), "cannot be 'none'"),
        (answer(action=[[["run"]]]), "cannot hold a list"),
        (answer(mood="sad"), "unknown field 'mood'"),
        ('{"narrative": "x", "tags": {"action": "run"}}', "fields are missing: shot_scale, manga_symbol"),
        (answer(focus="deep_focus"), "focus was not asked"),
        (answer(narrative="\u202eabc"), "forbidden control character"),
        (answer(narrative="x" * 900), "at most 800"),
        (answer(narrative="The itano circus fills the sky."), "itano circus"),
        (answer(narrative=["a"]), '"narrative" is missing'),
        ('{"narrative": "x"}', '"tags" is missing'),
        ('{"narrative": "x", "tags": {}, "tags": {}}', "duplicate key"),
        ("[" * 100_000, "nested"),
        ("The square moves.", "not valid JSON"),
        ('{"narrative": "x", "tags": {"action": [{"value": "ru', "not valid JSON"),
        ('"x"', "not a JSON object"),
    ],
)
def test_each_fault_of_an_answer_is_named_and_never_raised(shot, measured, said, why):
    narration, server = told(shot, measured, said)
    assert any(why in line for line in narration.rejected), narration.rejected
    assert len(server.requests) == 2


def test_a_story_of_the_first_answer_survives_a_worse_repair(shot, measured):
    narration, _ = told(shot, measured, answer(action="flies about"), "sorry")
    assert narration.narrative == "A square slides to the right."


# What goes wrong with servers


def fault(status, document, headers=()):
    return lambda handler: handler.reply(status, document, headers)


def cut_short(handler):
    handler.complete(GOOD[:60], finish="length")


def breaks_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices"')
    handler.close_connection = True


def ten_megabytes(handler):
    handler.complete("x" * 10_000_000)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (fault(200, b"<html>It works!</html>"), "not a chat completion: <html>"),
        (fault(200, {"choices": []}), "not a chat completion"),
        (fault(200, {"choices": [{"message": {"content": None}}]}), "empty"),
        (
            fault(200, {"choices": [{"message": {"content": None, "refusal": "I cannot"}}]}),
            "refused: I cannot",
        ),
        (fault(200, [1]), "not a chat completion"),
        (fault(500, {"error": {"message": "engine died"}}), "500: engine died"),
        (fault(401, {"error": "no key"}), "401: no key"),
        (fault(400, {"error": {"message": "At most 1 image(s) may be provided"}}), "400: At most 1 image"),
        (fault(302, b"", [("Location", "http://127.0.0.1:9/steal")]), "302"),
        (cut_short, "cut off for length"),
        (ten_megabytes, f"longer than {MOST_BYTES:,} bytes"),
        (breaks_off, "breaks off"),
    ],
)
def test_each_fault_of_a_server_gives_a_reason_and_no_narrative(shot, measured, script, why):
    narration, _ = told(shot, measured, script)
    assert narration.narrative is None and narration.tags == {}
    assert any(why in line for line in narration.rejected), narration.rejected
    assert all("\n" not in line for line in narration.rejected)


def test_a_busy_server_is_asked_again_but_not_for_ever(shot, measured):
    busy = fault(429, {"error": {"message": "slow down"}}, [("Retry-After", "0")])
    narration, server = told(shot, measured, busy, fault(503, b"starting"), GOOD)
    assert narration.narrative and len(server.requests) == 3
    narration, server = told(shot, measured, busy)
    assert "429: slow down" in narration.rejected[0] and len(server.requests) == TRIES


def test_a_model_the_server_does_not_have_is_named_with_those_it_has(shot, measured):
    with Server([GOOD]) as server:
        narration = tell(server, model="other/model").narrate(shot, measured)
    assert f"no model 'other/model'; it serves {MODEL}" in narration.rejected[0]


def test_a_server_that_is_down_costs_only_the_narration(shot, measured):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    narration = ModelNarrator("openai:x", ServedModel(url, MODEL, pause=0.01)).narrate(shot, measured)
    assert narration.narrative is None and "cannot reach" in narration.rejected[0]


@pytest.mark.parametrize("drip", [False, True])
def test_a_server_that_hangs_is_left_after_the_timeout(shot, measured, drip):
    def hang(handler):
        if not drip:
            return time.sleep(3)
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _ in range(30):  # a byte now and then keeps a socket's own timeout from ever passing
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.1)

    with Server([hang]) as server:
        narration = tell(server, timeout=0.6).narrate(shot, measured)
    assert narration.rejected == ["no answer: no answer within 0.6 s"]


# What the command line says


@pytest.mark.parametrize(
    "spec",
    [
        "openai:",
        "openai:localhost:8000#m",
        "openai:ftp://host/v1#m",
        "openai:file:///etc/passwd#m",
        "openai:http://host:8000/v1",
        "openai:http://host:8000/v1#",
        "openai:http://host:99999/v1#m",
        "openai:http://[::1/v1#m",
        "openai:http://me:secret@host/v1#m",
        "openai:http://host/v1?key=1#m",
        "openai:http://ho st/v1#m",
        "opnai:http://host/v1#m",
        "vllm",
        "",
        "transformers:",
    ],
)
def test_a_spec_that_cannot_be_read_is_one_clear_line(spec):
    with pytest.raises(AniMatrixError) as caught:
        narrator(spec)
    assert caught.value.code is Code.BAD_OPTION and "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://host:1",
        "http://host:1/",
        "http://host:1/v1",
        "http://host:1/v1/",
        "http://host:1/v1/chat/completions",
    ],
)
def test_a_url_is_taken_with_or_without_its_tail(url):
    assert ServedModel.from_spec(f"{url}#org/model")._url == "http://host:1/v1"


def test_an_unknown_field_is_refused():
    with pytest.raises(AniMatrixError) as caught:
        narrator("openai:http://host/v1#m", fields=["acton"])
    assert caught.value.code is Code.UNKNOWN_FIELD


def test_without_a_model_the_tags_are_said_in_prose(shot, measured):
    narration = narrator("none").narrate(shot, measured)
    assert "The palette is vivid" in narration.narrative and "at 0.3 seconds" in narration.narrative
    assert narration.tags == {} and narration.provenance == {"narrator": "none"}
