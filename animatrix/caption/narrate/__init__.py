"""A vision-language model writes a shot's narrative and confirms or adds semantic tags; see ``narrator``."""

from animatrix.caption.narrate.narrator import Narration, Narrator, narrator

__all__ = ["Narration", "Narrator", "narrator"]
