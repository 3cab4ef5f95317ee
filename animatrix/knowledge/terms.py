"""Words as people type them: folding that makes ids, labels and aliases of three languages comparable."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Spaces, underscores and every dash people type. Not the Japanese long-vowel mark, which is a letter.
_IGNORED = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")
# Bidirectional controls reorder what a reader sees: a directive must read as it is stored.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ALLOWED_CONTROLS = frozenset("\n\t")
_KATAKANA_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


@lru_cache(maxsize=8192)
def fold(term: str) -> str:
    """Comparison key of a term: NFKC, case-folded, without spaces, underscores and hyphens.

    >>> fold("Pan_Left") == fold("pan left") == fold("ＰＡＮ－ＬＥＦＴ")
    True
    """
    return _IGNORED.sub("", unicodedata.normalize("NFKC", term).casefold())


def fold_kana(term: str) -> str:
    """:func:`fold` that also reads katakana as hiragana; for search only, where a near hit is welcome."""
    return fold(term).translate(_KATAKANA_TO_HIRAGANA)


def shown(item: object, limit: int = 60) -> str:
    """``repr`` for a message: never longer than ``limit``, and of numbers too long to print as well."""
    try:
        text = repr(item)
    except ValueError:
        return f"a very long {type(item).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def forbidden_character(text: str) -> tuple[int, str] | None:
    """Position and ``U+XXXX`` name of the first control, bidirectional or lone-surrogate character, if any.

    Newline and tab are allowed: narratives have paragraphs.
    """
    if text.isascii() and text.isprintable():
        return None
    for position, char in enumerate(text):
        if char in _BIDI or (unicodedata.category(char) in ("Cc", "Cs") and char not in _ALLOWED_CONTROLS):
            return position, f"U+{ord(char):04X}"
    return None
