"""What a browser is told of a study and of a trial: words, forms and opaque names, never a system's."""

from __future__ import annotations

import json
from typing import Any

from animatrix.evaluate.study.definition import StoredClip, Study, min_watch
from animatrix.evaluate.study.rubric import Words
from animatrix.evaluate.study.security import Signer
from animatrix.evaluate.study.store import Trial
from animatrix.knowledge import Taxonomy

_NONE = {"en": "none", "ja": "なし", "zh": "无"}


class Shown:
    """Turns rows of the store into JSON for the page."""

    def __init__(self, study: Study, signer: Signer) -> None:
        self.study, self.signer = study, signer
        self._asked = {item: self._directive(item) for item in study.definition.items}

    def rubric(self) -> dict[str, Any]:
        wording = self.study.definition.rubric
        return {
            "version": wording.version,
            "dimensions": [
                {
                    "id": name,
                    "label": dimension.label.model_dump(),
                    "anchors": {str(n): words.model_dump() for n, words in dimension.anchors.items()},
                }
                for name, dimension in wording.dimensions.items()
            ],
        }

    def language(self, accepted: str | None) -> str:
        """The first language a browser asks for that there is, else the study's."""
        for part in (accepted or "")[:200].split(","):
            code = part.split(";")[0].strip().lower()[:2]
            if code in Words.model_fields:
                return code
        return self.study.definition.language

    def trial(self, trial: Trial, done: int, total: int) -> dict[str, Any]:
        clips = self.clips(trial)
        document = {
            "trial": trial.trial,
            "number": trial.number,
            "total": total,
            "mode": self.study.definition.mode,
            "directive": self._asked[trial.item],
            "clips": [
                {"side": side, **self._clip(trial, side, clip)}
                for side, clip in clips.items()
                if side in ("left", "right")
            ],
            "min_watch_s": round(self.watch(trial), 3),
            "draft": json.loads(trial.draft) if trial.draft else None,
            "can_undo": done > 0,
        }
        if self.study.definition.mode == "score":
            document["anchors"] = [
                {"score": score, **self._clip(trial, f"anchor{score}", clip)}
                for score, clip in self.study.definition.anchors.items()
            ]
        return document

    def clips(self, trial: Trial) -> dict[str, StoredClip]:
        """role -> clip: left, right, anchor1 ..."""
        found = {"left": self.study.clip(trial.item, trial.left_system)}
        if trial.right_system is not None:
            found["right"] = self.study.clip(trial.item, trial.right_system)
        return found | {f"anchor{n}": clip for n, clip in self.study.definition.anchors.items()}

    def watch(self, trial: Trial) -> float:
        """Seconds of playback before a vote."""
        clips = self.clips(trial)
        return min_watch([clips[side] for side in ("left", "right") if side in clips])

    def _clip(self, trial: Trial, role: str, clip: StoredClip) -> dict[str, Any]:
        return {
            "frames_url": f"/api/frames/{self.signer.frames(trial.trial, role)}",
            "frames": clip.frames,
            "width": clip.width,
            "height": clip.height,
            "fps": clip.fps,
            "holds": [list(run) for run in clip.holds],
        }

    def _directive(self, item: str) -> dict[str, Any]:
        taxonomy, directive = Taxonomy.default(), self.study.directive(item)
        tags: list[dict[str, Any]] = []
        for field_id, asked in directive.tags.items():
            field = taxonomy.field(field_id)
            for tag in asked:
                value = field.values.get(tag.value)
                tags.append(
                    {
                        "id": str(len(tags)),
                        "field": field_id,
                        "value": tag.value,
                        "label": dict(value.label) if value else _NONE,
                        "field_label": dict(field.label),
                        "span": list(directive.span_frames(tag)) if tag.span else None,
                        "art_or_failure": (
                            self.study.definition.rubric.art_or_failure(value) if value else None
                        ),
                    }
                )
        return {"narrative": self.study.definition.items[item].narratives.model_dump(), "tags": tags}
