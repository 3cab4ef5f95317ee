"""The table of places: which sets there are, in what words, at what hours, and which are held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from animatrix.synthetic.places_country import (
    book_leaves,
    forest,
    meadow,
    riverbank,
    seaside,
    shrine,
    snowfield,
)
from animatrix.synthetic.places_town import city, classroom, rooftop, school, street
from animatrix.synthetic.stage import Stage

__all__ = ["PLACES", "Place", "book_leaves"]


@dataclass(frozen=True)
class Place:
    """A set: its recipe, words for it, hours it is shot at, outdoors or not, held out or not."""

    paint: Callable[[Stage], None]
    phrase: str
    hours: tuple[str, ...] = ("day", "day", "sunset", "night", "dawn")
    outdoors: bool = True
    held_out: bool = False
    book: bool = False


PLACES: dict[str, Place] = {
    "rooftop": Place(rooftop, "on a rooftop"),
    "meadow": Place(meadow, "in a meadow", book=True),
    "seaside": Place(seaside, "on the beach"),
    "street": Place(street, "on a street of houses"),
    "school": Place(school, "in front of the school", book=True),
    "classroom": Place(classroom, "in a classroom", ("day", "sunset", "night"), outdoors=False),
    "forest": Place(forest, "on a forest path", ("day", "day", "sunset", "dawn"), book=True),
    "city": Place(city, "in the city", ("night", "night", "sunset", "day")),
    "snowfield": Place(snowfield, "in a snowy field"),
    "shrine": Place(shrine, "at a shrine", held_out=True, book=True),
    "riverbank": Place(riverbank, "on the riverbank", held_out=True, book=True),
}
