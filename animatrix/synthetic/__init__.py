"""Procedurally drawn cel animation with exact ground truth.

from animatrix.synthetic import Corpus, render

clip, truth = render(directive, seed=7)      # any drawable directive
sample = Corpus(seed=0)[12]                  # endless labelled shots
"""

from animatrix.synthetic.corpus import Corpus, Sample, Still
from animatrix.synthetic.drawable import RENDERABLE
from animatrix.synthetic.failure import FAILURES
from animatrix.synthetic.scene import Scene
from animatrix.synthetic.studio import render
from animatrix.synthetic.triplet import Triplet, TripletCorpus, render_triplet
from animatrix.synthetic.truth import Event, Truth

__all__ = [
    "FAILURES",
    "RENDERABLE",
    "Corpus",
    "Event",
    "Sample",
    "Scene",
    "Still",
    "Triplet",
    "TripletCorpus",
    "Truth",
    "render",
    "render_triplet",
]
