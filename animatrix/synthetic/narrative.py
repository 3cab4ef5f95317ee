"""English narratives of a scene: a grammar with many thousands of forms, in three relations to the tags.

* ``complement``: who, where, what happens; nothing a tag says.
* ``repeat``: also says in words what some tags say.
* ``contradict``: says in words something else than a tag does. Tags must win; a model learns that only if it
  is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from animatrix.synthetic.narrative_finish import FINISH_WORDS

if TYPE_CHECKING:
    from animatrix.knowledge import Directive
    from animatrix.synthetic.scene import Scene

RELATIONS = ("complement", "repeat", "contradict")
RELATION_SHARES = (0.70, 0.22, 0.08)

PRONOUNS = {
    "girl": ("she", "her"),
    "young woman": ("she", "her"),
    "woman": ("she", "her"),
    "boy": ("he", "his"),
    "young man": ("he", "his"),
    "man": ("he", "his"),
}
HAIR = {
    "short": ("short {c} hair", "cropped {c} hair", "short-cut {c} hair"),
    "bob": ("a {c} bob", "bobbed {c} hair", "{c} hair cut in a bob"),
    "long": ("long {c} hair", "{c} hair down the back", "long flowing {c} hair"),
    "ponytail": ("a {c} ponytail", "{c} hair tied in a ponytail", "{c} hair tied back"),
    "twin_tails": ("{c} twin tails", "{c} pigtails", "{c} hair in two tails"),
    "spiky": ("spiky {c} hair", "wild {c} hair", "{c} hair in spikes"),
}
ACCESSORY = {
    "scarf": ("a {c} scarf", "a long {c} scarf", "a {c} muffler"),
    "ribbon": ("a {c} ribbon", "a {c} bow", "a {c} ribbon in {p} hair"),
    "bag": ("a {c} shoulder bag", "a {c} satchel", "a {c} bag"),
}
# Verb forms: (third person, participle).
ACTION = {
    "idle": (
        ("stands still", "standing still"),
        ("waits", "waiting"),
        ("stands quietly", "standing quietly"),
        ("looks ahead", "looking ahead"),
        ("just breathes", "just breathing"),
        ("keeps watch", "keeping watch"),
    ),
    "walk": (
        ("walks", "walking"),
        ("strolls along", "strolling along"),
        ("walks at an easy pace", "walking at an easy pace"),
        ("wanders by", "wandering by"),
        ("makes {p} way on foot", "making {p} way on foot"),
    ),
    "run": (
        ("runs", "running"),
        ("sprints", "sprinting"),
        ("hurries along", "hurrying along"),
        ("jogs", "jogging"),
        ("races along", "racing along"),
        ("is late and runs", "running late"),
    ),
    "dash": (
        ("dashes off", "dashing off"),
        ("bolts away", "bolting away"),
        ("bursts into a dash", "bursting into a dash"),
        ("shoots forward", "shooting forward"),
    ),
    "jump": (
        ("jumps", "jumping"),
        ("leaps into the air", "leaping into the air"),
        ("jumps high and lands", "jumping high"),
        ("springs up", "springing up"),
        ("leaps", "leaping"),
    ),
    "fall": (("falls", "falling"), ("tumbles down", "tumbling down"), ("drops", "dropping")),
    "gesture": (
        ("waves", "waving"),
        ("waves a hand", "waving a hand"),
        ("raises an arm and waves", "raising an arm to wave"),
        ("greets someone", "greeting someone"),
        ("says goodbye with a wave", "waving goodbye"),
    ),
    "turn": (
        ("turns around", "turning around"),
        ("looks back", "looking back"),
        ("turns {p} head", "turning {p} head"),
        ("glances over {p} shoulder", "glancing over {p} shoulder"),
    ),
    "react": (
        ("starts in surprise", "starting in surprise"),
        ("is startled", "startled"),
        ("jolts", "jolting"),
        ("flinches", "flinching"),
        ("gasps", "gasping"),
    ),
    "speak": (
        ("speaks", "speaking"),
        ("talks", "talking"),
        ("tells a story", "telling a story"),
        ("explains something", "explaining something"),
        ("chatters away", "chattering away"),
        ("answers", "answering"),
    ),
    "strike": (
        ("throws a punch", "throwing a punch"),
        ("strikes", "striking"),
        ("punches the air", "punching the air"),
    ),
    "slash": (("swings a blade", "swinging a blade"), ("slashes", "slashing")),
    "handle_prop": (
        ("holds something in one hand", "holding something in one hand"),
        ("lifts what is in {p} hand", "lifting what is in {p} hand"),
        ("is busy with a small thing", "busy with a small thing"),
    ),
    "dance": (("dances", "dancing"), ("spins in a dance", "spinning in a dance")),
}
ADVERBS = (
    "",
    "",
    "",
    " quickly",
    " calmly",
    " with a smile",
    " without a word",
    " all at once",
    " once more",
)
PLACE = {
    "rooftop": ("on a rooftop", "on the roof of the school", "on top of a building", "over a rooftop"),
    "meadow": ("in a meadow", "among green hills", "in the open grass", "on a hillside"),
    "hills": ("among green hills", "on a hillside", "in the hills"),
    "seaside": ("by the sea", "at the seaside", "on the shore", "along the coast"),
    "beach": ("on the beach", "by the sea", "on the sand"),
    "street": ("on a street of houses", "in a quiet street", "in the neighbourhood", "between the houses"),
    "school": ("in front of the school", "at the school gate", "in the schoolyard"),
    "classroom": ("in a classroom", "between the desks", "in an empty classroom"),
    "shrine": ("at a shrine", "before the torii gate", "on the grounds of an old shrine"),
    "forest": ("in the forest", "on a forest path", "between tall trees", "in the woods"),
    "city": ("in the city", "downtown", "between tall buildings", "under the city lights"),
    "snowfield": ("in a snowfield", "in deep snow", "on a white plain", "in the snow"),
    "riverbank": ("on the riverbank", "by the river", "along the river"),
    "station": ("on a station platform", "at the station", "beside the tracks"),
    "park": ("in the park", "under the trees of the park"),
    "field": ("in a rice field", "between the fields"),
    "desert": ("in the desert", "on the dunes"),
    "bridge": ("on a bridge", "on the old bridge"),
}
HOUR = {
    "day": ("by day", "in broad daylight", "at noon", "on a bright day", "in the afternoon", ""),
    "sunset": ("at sunset", "in the evening glow", "as the sun goes down", "at dusk", "in the golden hour"),
    "night": ("at night", "under the moon", "in the dark", "late at night", "after dark"),
    "dawn": ("at dawn", "early in the morning", "at daybreak", "as the sun comes up"),
}
WEATHER = {
    "cloudy": ("Clouds fill the sky.", "The sky is overcast.", "It is a cloudy day."),
    "rain": ("It is raining.", "Rain comes down.", "Rain falls steadily."),
    "snow": ("Snow is falling.", "Snowflakes drift down.", "It snows."),
    "clear": ("The sky is clear.", "The weather is fine."),
}
# What a tag says, in words: for `repeat`, and with another value for `contradict`.
TAG_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "camera_move": {
        "fix": ("The camera does not move.", "A locked-off shot.", "The frame stays fixed."),
        "pan_left": ("The camera pans left.", "A pan to the left."),
        "pan_right": ("The camera pans right.", "A pan to the right."),
        "tilt_up": ("The camera tilts up.", "The view rises."),
        "tilt_down": ("The camera tilts down.", "The view sinks."),
        "track_up": ("The camera pushes in.", "A slow track up."),
        "track_back": ("The camera pulls back.", "A track back."),
        "follow": ("The camera follows along.", "The camera keeps pace."),
    },
    "drawing_cadence": {
        "ones": ("Animated on ones.", "Full animation."),
        "twos": ("Animated on twos.", "Drawn on twos."),
        "threes": ("Animated on threes.", "Limited animation on threes."),
        "fours_or_slower": ("Animated on fours.", "Very few drawings."),
        "still": ("One held drawing.", "A still pose."),
    },
    "impact_frame": {
        "white_frame": ("A white flash hits.", "The screen flashes white."),
        "black_frame": ("A black frame hits.", "The screen goes black for an instant."),
        "inverted_frame": ("For an instant the colours invert.", "A negative frame flashes."),
        "tint_frame": ("The screen flashes in one colour.", "A tinted flash."),
        "silhouette_frame": ("A silhouette flashes.",),
        "ink_sketch_frame": ("A raw ink drawing flashes.",),
    },
    "shot_scale": {
        "close_up": ("Close-up.", "The face fills the frame."),
        "medium": ("Seen from the waist up.", "A medium shot."),
        "full": ("The whole figure is in view.", "A full shot."),
        "long": ("Seen from afar.", "A long shot."),
    },
    "palette": {
        "vivid": ("Vivid colours.",),
        "pastel": ("Soft pastel colours.",),
        "muted": ("Muted colours.",),
        "monochrome": ("In black and white.", "All in grey."),
    },
    "natural_effect": {
        "petals_leaves": ("Petals drift by.", "Leaves are in the air."),
        "snow": ("Snow is falling.",),
        "rain": ("Rain comes down.",),
    },
    **FINISH_WORDS,
}


def _of(rng: np.random.Generator, options):
    return options[int(rng.integers(len(options)))]


def _article(phrase: str) -> str:
    return ("an " if phrase[:1] in "aeiou" else "a ") + phrase


def _looks(scene: Scene, rng: np.random.Generator, possessive: str, whole: bool) -> str:
    """'with short red hair', 'in a yellow hoodie', both, or nothing; ``whole``: both."""
    d = scene.design
    hair = _of(rng, HAIR.get(d.hair_style, ("{c} hair",))).format(c=d.hair_color)
    wear = _of(rng, ("in {}", "in {}", "wearing {}", "dressed in {}")).format(
        _article(f"{d.outfit_color} {d.outfit}")
    )
    extra = ""
    if d.accessory in ACCESSORY:
        extra = _of(rng, ACCESSORY[d.accessory]).format(c=d.accessory_color, p=possessive)
    both = [f" with {hair} {wear}", f" {wear} with {hair}"]
    if whole:
        return _of(rng, both)
    forms = [
        f" with {hair}",
        f" {wear}",
        *both,
        "",
        *(
            [f" with {hair} and {extra}", f" {wear} and {extra}", f" with {extra}", f" in {extra}"]
            if extra
            else []
        ),
    ]
    return _of(rng, forms)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _event(scene: Scene, rng: np.random.Generator, whole: bool) -> str:
    """The main sentence: subject, looks, action, place and hour in one of several orders; ``whole``: each of
    them, else some may be left out.
    """
    d = scene.design
    subject, possessive = PRONOUNS.get(d.noun, ("they", "their"))
    who = _article(d.noun) + _looks(scene, rng, possessive, whole)
    verb, participle = (
        form.format(p=possessive) for form in _of(rng, ACTION.get(scene.action, (("moves", "moving"),)))
    )
    adverb = _of(rng, ADVERBS)
    where = _of(rng, PLACE.get(scene.place, (f"at the {scene.place.replace('_', ' ')}",)))
    when = _of(rng, HOUR.get(scene.time_of_day, ("",)))
    setting = " ".join(x for x in (where, when) if x)
    forms = [
        f"{who} {verb}{adverb} {setting}.",
        f"{setting}, {who} {verb}{adverb}.",
        f"{who} {participle}{adverb} {setting}.",
        f"{who} is {setting}. {_capital(subject)} {verb}{adverb}.",
        f"{who}, {setting}, {participle}{adverb}.",
    ]
    if not whole:
        forms[4:4] = [  # in this place: the order decides what a seed says
            f"{when or where}, {who} {verb}{adverb}." if rng.random() < 0.5 else f"{who} {verb}.",
            f"a shot of {who}, {participle} {where}.",
            f"{who} {verb} {where}.",
        ]
    return _capital(_of(rng, forms))


def _said(field: str, value: str, rng: np.random.Generator) -> str:
    return _of(rng, TAG_WORDS[field][value])


def narrate(
    scene: Scene,
    directive: Directive,
    rng: np.random.Generator,
    relation: str | None = None,
    whole: bool = False,
) -> str:
    """One narrative of ``scene``.

    Args:
        directive: the tags the narrative complements, repeats or contradicts.
        relation: one of :data:`RELATIONS`; drawn with :data:`RELATION_SHARES` if None.
        whole: say who, how dressed, where and when, all of it, so that one scene is not taken for another.
    """
    if relation is None:
        relation = RELATIONS[int(rng.choice(len(RELATIONS), p=RELATION_SHARES))]
    sentences = [_event(scene, rng, whole)]
    if rng.random() < 0.25 and scene.weather in WEATHER:
        sentences.append(_of(rng, WEATHER[scene.weather]))
    sayable = [
        (field, value)
        for field, words in TAG_WORDS.items()
        for value in directive.values(field)
        if value in words
    ]
    if relation != "complement" and sayable:
        for i in rng.permutation(len(sayable))[: int(rng.integers(1, 3))]:
            field, value = sayable[int(i)]
            if relation == "contradict":
                value = _of(rng, [v for v in TAG_WORDS[field] if v != value])
            sentence = _said(field, value, rng)
            sentences.insert(len(sentences) if rng.random() < 0.7 else 0, sentence)
    return re.sub(r" +", " ", " ".join(sentences)).replace(" ,", ",").strip()


def narratives(count: int, seed: int, split: str = "train") -> Iterator[str]:
    """Narratives of the first ``count`` corpus items, without drawing a picture."""
    from animatrix.synthetic.corpus import Corpus

    corpus = Corpus(seed=seed, split=split)
    for i in range(count):
        yield corpus.request(i).narrative
