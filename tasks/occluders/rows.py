"""What the stage `occluders` takes of a clip, and what it says of one."""

from dataclasses import dataclass

from storage.ledger.rows import Blob
from tasks.stage import Rejected


@dataclass(frozen=True)
class OccludersInput:
    """A clip, and the boxes of what was named in it."""

    id: str
    frames: int
    video: Blob
    track_data: Blob
    boxes: str = "[]"
    """JSON: [{"phrase", "frame", "box": [x0, y0, x1, y1]}], in the clip's pixels."""


@dataclass(frozen=True)
class OccludersRow:
    """The masks of one clip, and how far they can be trusted."""

    id: str
    occluder_masks: Blob
    """What is in front of the face on each frame (tasks/masks.py)."""
    objects: int
    """Boxes that were followed."""
    unfound_objects: int
    """Of these, those that no mask was found for."""
    empty: bool
    """Nothing is in front of this face."""
    covered_share: float
    """Mean share of the picture."""
    face_share: float
    """Mean share of the face's square."""
    face_share_most: float
    whole_frames: int
    """Frames on which all of the face or of the picture is covered."""
    lost_frames: int
    """Frames on which nothing is in sight of what was followed."""
    stability: float
    """How little the masks depend on their threshold: the area at a stricter one over that at a laxer one, of the
    least stable object on each frame, in the mean; 1 is best, and the value of an empty mask."""
    stability_worst: float
    worst_frame: int | None
    """Where it is least; None for an empty mask."""
    poster: Blob
    """JPEG: three frames with the mask, and the phrases; or with the signs."""
    doubt: str = ""
    """Why the face may be covered all the same, in words: which signs, on how many frames."""


@dataclass(frozen=True)
class Covered(Rejected):
    """A face that is clearly covered, and the picture of it."""

    doubt: str
    poster: Blob
