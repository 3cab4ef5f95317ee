"""The rubric: five dimensions with anchors at 1, 3 and 5, in the languages of the taxonomy."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from animatrix.errors import AniMatrixError, Code
from animatrix.evaluate.study.records import fault_of
from animatrix.knowledge.documents import read_document
from animatrix.knowledge.taxonomy import Value
from animatrix.prefer.merits import DIMENSIONS
from animatrix.prefer.votes import RUBRIC_VERSIONS

_HERE = Path(__file__).parent
ANCHORS = (1, 3, 5)


class Words(BaseModel):
    """One text in every language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: Annotated[str, Field(max_length=20_000)]
    ja: Annotated[str, Field(max_length=20_000)]
    zh: Annotated[str, Field(max_length=20_000)]

    @classmethod
    def same(cls, text: str) -> Words:
        return cls(en=text, ja=text, zh=text)


class Dimension(BaseModel):
    """What is asked of a clip, and what the scores 1, 3 and 5 mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: Words
    anchors: dict[int, Words]


class Rubric(BaseModel):
    """The wording a study is held in; the ids and their order are those of ``animatrix.prefer``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    title: Words
    question: Words
    dimensions: dict[str, Dimension]

    @model_validator(mode="after")
    def _known(self) -> Rubric:
        if self.version not in RUBRIC_VERSIONS:
            raise ValueError(f"rubric {self.version!r} is not known; known: {', '.join(RUBRIC_VERSIONS)}")
        if tuple(self.dimensions) != DIMENSIONS:
            raise ValueError(f"the dimensions are {', '.join(DIMENSIONS)}, in this order")
        if wrong := [d for d, known in self.dimensions.items() if tuple(known.anchors) != ANCHORS]:
            raise ValueError(f"{wrong[0]} needs anchors 1, 3 and 5")
        return self

    def art_or_failure(self, value: Value) -> dict[str, str] | None:
        """The question for a deformation, None for anything else."""
        if not value.deformation or value.failure_lookalike is None:
            return None
        said = {"en": value.failure_lookalike} | lookalikes().get(value.key, {})
        return {
            language: text.format(lookalike=said.get(language, value.failure_lookalike))
            for language, text in self.question.model_dump().items()
        }


def load_rubric(path: Path | None = None) -> Rubric:
    """The packaged rubric, or another wording of the same version.

    Raises:
        AniMatrixError: BAD_STUDY for a rubric of another version or form; as ``read_document``.
    """
    path = path or _HERE / "rubric.yaml"
    try:
        return Rubric.model_validate(read_document(path, kind="study"))
    except ValidationError as error:
        raise AniMatrixError(Code.BAD_STUDY, f"{path.name}: {fault_of(error)}") from None


@cache
def lookalikes() -> dict[str, dict[str, Any]]:
    """Japanese and Chinese of the taxonomy's lookalikes, by ``field.value``."""
    return read_document(_HERE / "lookalikes.yaml", kind="study")
