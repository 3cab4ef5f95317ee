"""Every error a user can meet: one code each, one clear line, and a hint.

The command line prints ``error[CODE]: message; hint`` and exits with :data:`EXIT_STATUS`.
Library callers catch :class:`AniMatrixError` and switch on ``.code``. It deliberately does not derive from
``ValueError``: pydantic would otherwise wrap it in a validation report that no animator wants to read.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

EXIT_STATUS = 2  # the user's input is wrong; anything unforeseen is 1


class Code(StrEnum):
    """The one list of user-facing error codes. The value is the code printed between brackets."""

    # directives and taxonomy
    UNKNOWN_FIELD = "unknown-field"
    UNKNOWN_VALUE = "unknown-value"
    AMBIGUOUS_TERM = "ambiguous-term"
    TOO_MANY_VALUES = "too-many-values"
    RESERVED_VALUE = "reserved-value"
    BAD_TAG_SYNTAX = "bad-tag-syntax"
    BAD_SPAN = "bad-span"
    CONSTRAINT = "constraint"
    BAD_DIRECTIVE = "bad-directive"
    BAD_TAXONOMY = "bad-taxonomy"
    TAXONOMY_VERSION = "taxonomy-version"
    BAD_SHEET = "bad-sheet"
    # files
    FILE_MISSING = "file-missing"
    FILE_NOT_A_FILE = "not-a-file"
    FILE_TOO_LARGE = "file-too-large"
    FILE_UNREADABLE = "file-unreadable"
    NOT_WRITABLE = "not-writable"
    NOT_A_VIDEO = "not-a-video"
    DECODER_FAILED = "decoder-failed"
    UNSUPPORTED_OUTPUT = "unsupported-output"
    # generation and models
    BAD_OPTION = "bad-option"
    UNSUPPORTED_VALUE = "unsupported-value"
    MODEL_MISSING = "model-missing"
    MODEL_MISMATCH = "model-mismatch"
    NOT_FINITE = "not-finite"
    OUT_OF_MEMORY = "out-of-memory"
    # training
    BAD_RECIPE = "bad-recipe"
    RECIPE_CHANGED = "recipe-changed"
    BAD_CHECKPOINT = "bad-checkpoint"
    FLOOR_BREACHED = "floor-breached"
    # evaluation
    BAD_STUDY = "bad-study"


class AniMatrixError(Exception):
    """What went wrong, where, and the nearest valid choice.

    Args:
        code: member of :class:`Code`.
        message: one line naming the thing and its place, e.g. ``unknown value 'pan_lft' for camera_move``.
        hint: what to do about it, e.g. ``did you mean 'pan_left'?``. May be empty.
    """

    def __init__(self, code: Code, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __reduce__(self):  # crosses process boundaries with its code and hint
        return type(self), (self.code, self.message, self.hint)


def did_you_mean(word: str, choices: Iterable[str], n: int = 1) -> str:
    """``did you mean 'x'?`` for the closest choice, or an empty string when nothing is close."""
    near = difflib.get_close_matches(word, list(choices), n=n, cutoff=0.6)
    return f"did you mean {' or '.join(repr(x) for x in near)}?" if near else ""


def first_mistake(error: Any) -> str:
    """``where: what`` of the first mistake of a ``pydantic.ValidationError``."""
    mistake = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg'].lower()}"
