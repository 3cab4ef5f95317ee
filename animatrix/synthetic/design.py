"""Character designs: what a model sheet fixes. Designs come in families, and some families are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from animatrix.synthetic.palette import CLOTH, EYES, HAIR, SKIN


@dataclass(frozen=True)
class Outfit:
    """Pattern of an outfit. ``bottom``: skirt, coat, shorts, trousers or gown; sleeve 1 ends at the wrist."""

    bottom: str
    sleeve: float
    collar: str
    hem: float = 0.0  # how far a skirt or coat reaches below the hip, in heads
    loose: float = 1.0  # width of top and sleeves
    socks: float = 0.0  # share of the shin covered
    colours: tuple[str, ...] = ()
    bottom_colour: str | None = None  # None: same as the top
    trim: str = "white"
    shoe: str = "black"


OUTFITS: dict[str, Outfit] = {
    "sailor uniform": Outfit("skirt", 0.45, "sailor", 0.95, 1.0, 0.55, ("white",), "navy", "navy", "black"),
    "hoodie": Outfit(
        "shorts",
        1.0,
        "hood",
        0.2,
        1.22,
        0.25,
        ("red", "yellow", "teal", "grey", "orange"),
        "black",
        "white",
        "white",
    ),
    "jacket": Outfit(
        "trousers",
        1.0,
        "open",
        0.15,
        1.08,
        0.0,
        ("navy", "red", "green", "teal", "black"),
        "grey",
        "white",
        "black",
    ),
    "dress": Outfit(
        "gown",
        0.25,
        "plain",
        1.25,
        0.95,
        0.0,
        ("white", "light blue", "pink", "yellow", "red"),
        None,
        "white",
        "red",
    ),
    "school uniform": Outfit(
        "trousers", 1.0, "buttons", 0.1, 1.06, 0.0, ("black", "navy"), None, "yellow", "black"
    ),
    "t-shirt": Outfit(
        "shorts",
        0.4,
        "plain",
        0.1,
        1.04,
        0.3,
        ("white", "light blue", "green", "orange", "pink"),
        "navy",
        "white",
        "red",
    ),
    "raincoat": Outfit(
        "coat", 1.0, "hood", 1.05, 1.25, 0.0, ("yellow", "light blue", "red"), None, "white", "green"
    ),
}

HAIR_STYLES = ("short", "bob", "long", "ponytail", "twin_tails", "spiky")
ACCESSORIES = ("none", "scarf", "ribbon", "bag")


@dataclass(frozen=True)
class Person:
    """Who may be drawn: body height in heads, and which hair and outfits suit the model sheets."""

    heads: float
    build: float
    hair: tuple[str, ...]
    outfits: tuple[str, ...]
    lashes: bool


PEOPLE: dict[str, Person] = {
    "girl": Person(
        4.7,
        0.94,
        ("bob", "long", "ponytail", "twin_tails", "short"),
        ("sailor uniform", "hoodie", "dress", "t-shirt", "raincoat"),
        True,
    ),
    "boy": Person(
        4.7, 1.0, ("short", "spiky"), ("hoodie", "school uniform", "t-shirt", "jacket", "raincoat"), False
    ),
    "young woman": Person(5.5, 0.96, ("bob", "long", "ponytail"), ("jacket", "dress", "hoodie"), True),
    "young man": Person(5.6, 1.04, ("short", "spiky"), ("jacket", "hoodie", "school uniform"), False),
}

# Combinations never shown in training: hair style with outfit, and hair colour with hair style.
HELD_OUT_LOOKS = frozenset(
    {
        ("twin_tails", "hoodie"),
        ("long", "sailor uniform"),
        ("bob", "dress"),
        ("ponytail", "jacket"),
        ("spiky", "school uniform"),
        ("short", "t-shirt"),
        ("short", "raincoat"),
    }
)
HELD_OUT_HAIR = frozenset(
    {
        ("pink", "twin_tails"),
        ("blue", "long"),
        ("green", "bob"),
        ("silver", "ponytail"),
        ("orange", "spiky"),
        ("red", "short"),
    }
)


@dataclass(frozen=True)
class Design:
    """One model sheet. Colour fields are names of the tables in :mod:`animatrix.synthetic.palette`."""

    noun: str
    hair_style: str
    hair_color: str
    eye_color: str
    outfit: str
    outfit_color: str
    accessory: str
    accessory_color: str
    skin: str
    family: str

    @property
    def held_out(self) -> bool:
        """True when the design's family is kept out of the training split."""
        return (self.hair_style, self.outfit) in HELD_OUT_LOOKS or (
            self.hair_color,
            self.hair_style,
        ) in HELD_OUT_HAIR


def _pick(rng: np.random.Generator, options) -> str:
    return str(options[int(rng.integers(len(options)))])


def cast_design(rng: np.random.Generator, cast: str = "any") -> Design:
    """Draw a design. ``cast``: ``train`` (no held-out family), ``held_out`` (only those) or ``any``."""
    while True:
        noun = _pick(rng, tuple(PEOPLE))
        person = PEOPLE[noun]
        outfit = _pick(rng, person.outfits)
        hair_style = _pick(rng, person.hair)
        outfit_color = _pick(rng, OUTFITS[outfit].colours)
        accessory = _pick(rng, ACCESSORIES if person.lashes else ("none", "scarf", "bag"))
        hair_color = _pick(rng, tuple(HAIR))
        accessory_color = _pick(
            rng,
            [c for c in ("red", "yellow", "teal", "purple", "orange") if c not in (outfit_color, hair_color)],
        )
        design = Design(
            noun=noun,
            hair_style=hair_style,
            hair_color=hair_color,
            eye_color=_pick(rng, tuple(EYES)),
            outfit=outfit,
            outfit_color=outfit_color,
            accessory=accessory,
            accessory_color=accessory_color,
            skin=_pick(rng, ("fair", "fair", "light", "light", "tan", "brown")),
            family=f"{hair_style}/{outfit}/{hair_color}",
        )
        if cast == "any" or design.held_out == (cast == "held_out"):
            return design


__all__ = ["CLOTH", "SKIN", "Design", "Outfit", "Person", "cast_design"]
