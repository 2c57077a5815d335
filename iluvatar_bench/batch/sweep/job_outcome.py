"""What became of a job on a worker, as it travels from process to process. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class JobEnd(StrEnum):
    """How a job ended on a worker."""

    FINISHED = "finished"
    FAILED = "failed"
    """It could not be done, or did not come to its end: no host would do better."""
    UNFIT = "unfit"
    """This host lacks something for it, which another may have."""
    UNFIT_HOST = "unfit_host"
    """This host lacks what every job needs."""
    GIVEN_UP = "given_up"
    """It was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How a job ended. ``place`` is the folder that it made, on the host that ran it; ``payload``
    is what is to be kept elsewhere: a cell's trials as Parquet, a point's folder as a tar file.
    Both only of a job that is finished."""

    end: JobEnd
    error: str | None = None
    place: str | None = None
    seconds: float | None = None
    payload: bytes | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, but for the payload."""
        document = asdict(self)
        del document["payload"]
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, payload: bytes | None = None) -> JobOutcome:
        """The outcome that :meth:`as_json` made, with its payload."""
        return cls(**{**document, "end": JobEnd(document["end"])}, payload=payload)
