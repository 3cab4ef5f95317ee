"""AniMatrix: anime video generation that thinks in art, not physics."""
