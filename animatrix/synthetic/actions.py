"""The table of actions: what a character can be asked to do."""

from __future__ import annotations

from animatrix.synthetic.acting import EVERYDAY
from animatrix.synthetic.handling import HANDLING
from animatrix.synthetic.stunts import STUNTS

ACTIONS = EVERYDAY | STUNTS | HANDLING

__all__ = ["ACTIONS"]
