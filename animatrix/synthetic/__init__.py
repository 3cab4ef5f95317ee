"""Procedurally drawn cel animation with exact ground truth.

from animatrix.synthetic import Corpus, render

clip, truth = render(directive, seed=7)      # any drawable directive
sample = Corpus(seed=0)[12]                  # endless labelled shots
"""

from animatrix.synthetic.corpus import Corpus, Sample, Still
from animatrix.synthetic.drawable import RENDERABLE
from animatrix.synthetic.scene import Scene
from animatrix.synthetic.studio import render
from animatrix.synthetic.truth import Event, Truth

__all__ = ["RENDERABLE", "Corpus", "Event", "Sample", "Scene", "Still", "Truth", "render"]
