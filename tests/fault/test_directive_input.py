"""Bad directives: each refused with exactly one clear line and its code, by library and command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from animatrix.cli import main
from animatrix.errors import AniMatrixError, Code
from animatrix.knowledge import Directive, Taxonomy

PAN = "camera_move=pan_left, camera_move=pan_right, camera_move=tilt_up, camera_move=tilt_down"
MOVES = ", ".join(Taxonomy.default().fields["camera_move"].values)

# tags -> (code, the line)
TAGS = {
    "unknown field": (
        {"camera_mvoe": "fix"},
        Code.UNKNOWN_FIELD, "unknown field 'camera_mvoe'; did you mean 'camera_move'?",
    ),
    "a value where a field belongs": (
        {"pan_left": "yes"},
        Code.UNKNOWN_FIELD, "unknown field 'pan_left'; it is a value: camera_move=pan_left",
    ),
    "unknown value": (
        {"camera_move": "pan_lft"},
        Code.UNKNOWN_VALUE, "unknown value 'pan_lft' for camera_move; did you mean 'pan_left'?",
    ),
    "a value of another field": (
        {"palette": "pan_left"},
        Code.UNKNOWN_VALUE,
        "unknown value 'pan_left' for palette; it belongs to another field: camera_move=pan_left",
    ),
    "two values in a single-valued field": (
        {"palette": "vivid+muted"},
        Code.TOO_MANY_VALUES,
        "palette takes one value at a time, but vivid and muted share frames; keep one",
    ),
    "two values of one field on the same frames": (
        {"drawing_cadence": "twos@0-12+ones@12-20"},
        Code.TOO_MANY_VALUES,
        "drawing_cadence takes one value at a time, but twos@0-12 and ones@12-20 share frames; "
        "keep one, or give them ranges that do not overlap",
    ),
    "one field in two languages": (
        {"palette": "vivid", "色彩设计": "muted"},
        Code.TOO_MANY_VALUES,
        "palette takes one value at a time, but vivid and muted share frames; keep one",
    ),
    "opposite moves in one span": (
        {"camera_move": "pan_left@0-20+pan_right@10-32"},
        Code.CONSTRAINT,
        "camera_move=pan_left@0-20 and camera_move=pan_right@10-32 cannot share frames: "
        "{one_of_pan_left_pan_right}; keep one, or give them ranges that do not overlap",
    ),
    "a span outside the shot": (
        {"impact_frame": "white_frame@40-41"},
        Code.BAD_SPAN,
        "impact_frame=white_frame@40-41 lies outside the shot, which is 33 frames long; "
        "ranges are counted at 24 fps and end at frame 32 or before",
    ),
    "a span that ends before it starts": (
        {"action": "run@9-3"},
        Code.BAD_SPAN, "action=run@9-3 ends before it starts; frames count from 0",
    ),
    "a span before the shot": (
        {"action": [{"value": "run", "span": [-3, 3]}]},
        Code.BAD_SPAN, "action=run@-3-3 starts before frame 0; frames count from 0",
    ),
    "a span that is no pair of frames": (
        {"action": [{"value": "run", "span": [1.5, 3]}]},
        Code.BAD_SPAN, "action=run: a span is [first, last], not [1.5, 3]; two whole frame numbers",
    ),
    "a range that cannot be read": (
        {"action": "run@soon"},
        Code.BAD_TAG_SYNTAX,
        "action: cannot read the frame range in 'run@soon'; write value@first-last, e.g. run@14-15",
    ),
    "an impact frame without its frames": (
        {"impact_frame": "white_frame"},
        Code.BAD_SPAN,
        "impact_frame=white_frame lasts a few frames and needs a range; "
        "write impact_frame=white_frame@first-last, counted from 0 at 24 fps",
    ),
    "a range on a whole-shot field": (
        {"palette": "vivid@0-9"},
        Code.BAD_SPAN, "palette=vivid@0-9: palette holds for the whole shot; write palette=vivid",
    ),
    "unknown in a request": (
        {"palette": "unknown"},
        Code.RESERVED_VALUE,
        "palette=unknown cannot be asked for: 'unknown' is what a captioner says when it abstains; "
        "leave palette out",
    ),
    "none where absence makes no sense": (
        {"camera_move": "none"},
        Code.RESERVED_VALUE, f"camera_move cannot be 'none'; leave it out, or choose one of {MOVES}",
    ),
    "none beside a value": (
        {"manga_symbol": "none+sweatdrop"},
        Code.RESERVED_VALUE, "manga_symbol: 'none' stands alone but sweatdrop is given too; keep one",
    ),
    "an ambiguous term": (
        {"camera_move": "PAN"},
        Code.AMBIGUOUS_TERM, f"'PAN' for camera_move has 4 readings: {PAN}; write the one you mean",
    ),
    "a value that is not text": (
        {"palette": True},
        Code.BAD_TAG_SYNTAX, "palette: a value must be text, not bool; quote it",
    ),
    "a list in a list": (
        {"action": [["run"]]},
        Code.BAD_TAG_SYNTAX, "action: a list of tags cannot hold a list",
    ),
    "a tag with other keys": (
        {"action": {"value": "run", "when": 3}},
        Code.BAD_TAG_SYNTAX,
        'action: a tag is {value, span}, not {value, when}; write {"value": "...", "span": [first, last]}',
    ),
    "an empty value": (
        {"action": "run++jump"},
        Code.BAD_TAG_SYNTAX,
        "action: empty value in 'run++jump'; write field=value or field=value@first-last",
    ),
    "a bidirectional character in a value": (
        {"action": "run\u202e"},
        Code.BAD_TAG_SYNTAX, "action: forbidden control character U+202E; remove it",
    ),
    "a control character in a field": (
        {"act\x07ion": "run"},
        Code.BAD_TAG_SYNTAX, "a field name: forbidden control character U+0007; remove it",
    ),
    "a value without end": (
        {"horizon": "x" * 900_000},
        Code.UNKNOWN_VALUE,
        f"unknown value '{'x' * 58}… for horizon; choose one of level_horizon, dutch_tilt, inverted",
    ),
    "tags that are no mapping": (
        "camera_move",
        Code.BAD_DIRECTIVE,
        "tags must be a mapping of field to value, not str; write field=value or field=value@first-last",
    ),
    "a tag text without a value": (
        ["camera_move"],
        Code.BAD_TAG_SYNTAX,
        "cannot read the tag 'camera_move'; write field=value or field=value@first-last",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TAGS)
def test_bad_tags_print_one_line(case):
    tags, code, line = TAGS[case]
    with pytest.raises(AniMatrixError) as error:
        Directive.model_validate({"narrative": "n", "tags": tags, "frames": 33, "fps": 24})
    messages = {rule.id: rule.message.rstrip(".") for rule in Taxonomy.default().constraints}
    expected = line.format(**messages) if code is Code.CONSTRAINT else line
    assert (error.value.code, str(error.value)) == (code, expected)
    assert "\n" not in str(error.value)


DIRECTIVES = {
    "no mapping": (["x"], "a directive is a mapping with narrative and tags, not list"),
    "nothing at all": (None, "a directive is a mapping with narrative and tags, not null"),
    "an empty request": ({"narrative": " "}, "the directive asks for nothing; write a narrative or tags"),
    "a null narrative": ({"narrative": None}, 'narrative must be text, not null; write narrative: ""'),
    "a narrative that is a list": (
        {"narrative": []},
        'narrative must be text, not list; write narrative: ""',
    ),
    "a misspelt key": (
        {"narative": "x"},
        "unknown key 'narative' in a directive; did you mean 'narrative'?",
    ),
    "no frames": ({"narrative": "n", "frames": 0}, "frames must be a whole number from 1 to 1000000, not 0"),
    "frames that are text": (
        {"narrative": "n", "frames": "33"},
        "frames must be a whole number from 1 to 1000000, not '33'",
    ),
    "frames that are true": (
        {"narrative": "n", "frames": True},
        "frames must be a whole number from 1 to 1000000, not True",
    ),
    "a rate of nothing": ({"narrative": "n", "fps": 0}, "fps must be a number from 0.1 to 1000, not 0"),
    "a rate that is no number": (
        {"narrative": "n", "fps": float("nan")},
        "fps must be a number from 0.1 to 1000, not nan",
    ),
    "a fraction by nothing": (
        {"narrative": "n", "fps": "24/0"},
        "fps must be a number from 0.1 to 1000, not '24/0'",
    ),
    "an escape character": (
        {"narrative": "a\x1b[31mb"},
        "narrative: forbidden control character U+001B at position 1; remove it",
    ),
    "a reordered narrative": (
        {"narrative": "abc\u2066d"},
        "narrative: forbidden control character U+2066 at position 3; remove it",
    ),
    "half a character": (
        {"narrative": "\ud800"},
        "narrative: forbidden control character U+D800 at position 0; remove it",
    ),
    "a novel": (
        {"narrative": "x" * 20_001},
        "narrative has 20,001 characters; at most 20,000 are read",
    ),
}


@pytest.mark.parametrize("case", DIRECTIVES)
def test_bad_directives_print_one_line(case):
    data, line = DIRECTIVES[case]
    with pytest.raises(AniMatrixError) as error:
        Directive.model_validate(data)
    assert (error.value.code, str(error.value)) == (Code.BAD_DIRECTIVE, line)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nnarrative: *c\n"
FILES = {
    "a YAML bomb": (
        "yaml", BOMB,
        Code.BAD_DIRECTIVE, "{} line 2: YAML aliases are not allowed; write the value out",
    ),
    "duplicate keys": (
        "yaml", "narrative: n\ntags:\n  palette: vivid\n  palette: muted\n",
        Code.BAD_DIRECTIVE, "{} line 4: duplicate key 'palette'; keep one",
    ),
    "duplicate keys in JSON": (
        "json", '{"narrative": "a", "narrative": "b"}',
        Code.BAD_DIRECTIVE, "{}: duplicate key 'narrative'; keep one",
    ),
    "a control character": (
        "yaml", "narrative: n\ntags: {palette: viv\x08id}\n",
        Code.BAD_DIRECTIVE, "{} line 2: forbidden control character U+0008; remove it",
    ),
    "a bidirectional character": (
        "yaml", "narrative: a \u202ereversed\u202c word\n",
        Code.BAD_DIRECTIVE, "{} line 1: forbidden control character U+202E; remove it",
    ),
    "an escaped control character": (
        "yaml", 'narrative: "a\\x07b"\n',
        Code.BAD_DIRECTIVE, "narrative: forbidden control character U+0007 at position 1; remove it",
    ),
    "a Python object": (
        "yaml", "narrative: !!python/object/apply:os.system [ls]\n",
        Code.BAD_DIRECTIVE,
        "{} line 1: not valid YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    "deep nesting": (
        "yaml", "tags: " + "[" * 50 + "]" * 50,
        Code.BAD_DIRECTIVE, "{} line 1: nested deeper than 32 levels",
    ),
    "deep nesting in JSON": ("json", "[" * 200_000, Code.BAD_DIRECTIVE, "{}: nested too deeply"),
    "not a number": ("json", '{"narrative": "n", "fps": NaN}', Code.BAD_DIRECTIVE, "{}: NaN is not a number"),
    "broken JSON": (
        "json", '{"narrative": \n',
        Code.BAD_DIRECTIVE, "{} line 2: not valid JSON: Expecting value",
    ),
    "two documents": (
        "yaml", "narrative: a\n---\nnarrative: b\n",
        Code.BAD_DIRECTIVE, "{} line 2: not valid YAML: but found another document",
    ),
    "an impossible date": (
        "yaml", "narrative: 2020-13-45\n",
        Code.BAD_DIRECTIVE, "{}: a number or date in it cannot be read; quote it",
    ),
    "an empty file": (
        "yaml", "", Code.BAD_DIRECTIVE, "a directive is a mapping with narrative and tags, not null",
    ),
    "bytes that are not text": (
        "yaml", b"narrative: \xff\xfe",
        Code.FILE_UNREADABLE, "{} is not UTF-8 text (byte 11); save it as UTF-8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_bad_files_print_one_line(tmp_path, capsys, case):
    suffix, content, code, line = FILES[case]
    path = tmp_path / f"shot.{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(path, code, line.format(path), capsys)


def refused(path: Path, code: Code, line: str, capsys) -> None:
    """The library raises it, and the command prints it on stderr and exits with 2."""
    with pytest.raises(AniMatrixError) as error:
        Directive.from_file(path)
    assert (error.value.code, str(error.value)) == (code, line)
    assert main(["directive", "check", str(path)]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"error[{code}]: {line}\n")


def test_a_missing_file_a_folder_and_a_device(tmp_path, capsys):
    missing = tmp_path / "none.yaml"
    refused(missing, Code.FILE_MISSING, f"no such directive file: {missing}", capsys)
    refused(tmp_path, Code.FILE_NOT_A_FILE, f"{tmp_path} is a folder, not a directive file", capsys)
    if Path("/dev/zero").exists():
        refused(Path("/dev/zero"), Code.FILE_NOT_A_FILE, "/dev/zero is not a regular file", capsys)


def test_a_path_through_a_file_and_a_name_too_long(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    inside = tmp_path / "file" / "shot.yaml"
    refused(inside, Code.FILE_MISSING, f"no such directive file: {inside}", capsys)
    long = tmp_path / ("x" * 5000)
    refused(long, Code.FILE_UNREADABLE, f"cannot open {long}: file name too long", capsys)


def test_a_50_mb_file_is_refused_without_being_read(tmp_path, capsys, monkeypatch):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as stream:
        stream.truncate(50_000_000)
    monkeypatch.setattr(Path, "open", lambda *a, **k: pytest.fail("the file was opened"))
    line = f"{path} is 50,000,000 bytes; a directive file may have at most 1,000,000"
    refused(path, Code.FILE_TOO_LARGE, line, capsys)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hang(tmp_path, capsys):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    refused(pipe, Code.FILE_NOT_A_FILE, f"{pipe} is not a regular file", capsys)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["camera_move", "pan_left@0-3", "value", "span", "none", "PAN", "narrative", "tags"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "narrative": _PLAIN,
            "tags": _PLAIN
            | st.dictionaries(st.sampled_from([*Taxonomy.default().fields, "x"]), _PLAIN, max_size=4),
            "frames": _PLAIN,
            "fps": _PLAIN,
            "taxonomy_version": _PLAIN,
        },
    )
)
@example({"tags": {"rendering_tradition": {"\n": None}}})
def test_any_plain_data_is_a_directive_or_one_clear_line(data):
    try:
        Directive.model_validate(data)
    except AniMatrixError as error:
        assert "\n" not in str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_a_directive_or_one_clear_line(tmp_path, content):
    for suffix in ("yaml", "json"):
        path = tmp_path / f"any.{suffix}"
        path.write_bytes(content)
        try:
            Directive.from_file(path)
        except AniMatrixError as error:
            assert "\n" not in str(error)
