"""What an item of an export consists of: which blob of which stage becomes which file.

A version is asked for its columns (`<stage>_row`), so that one of clips alone, or of before there were pairs, is
exported with what it has.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from storage.errors import StorageError


class Format(StrEnum):
    WEBDATASET = "webdataset"
    FOLDER = "folder"
    LTX = "ltx"


@dataclass(frozen=True)
class Part:
    stage: str
    column: str
    member: str
    """Behind the item's id in a tar, with the ending."""
    folder: str
    """Of loose files; in their table it is also the name of the column with the paths."""

    @property
    def ending(self) -> str:
        return self.member.rpartition(".")[2]


COMPANION = "companion"
RELIGHT = "relight"
PAIR = (
    Part("ingest", "video", "video.mp4", "clips"),
    Part("ingest", "audio", "audio.flac", "audio"),
    Part(COMPANION, "companion_video", "companion.mp4", "companions"),
    Part(COMPANION, "companion_audio", "companion.flac", "companion_audio"),
)
BESIDE = (
    Part("facemask", "face_masks", "face_masks.bin", "face_masks"),
    Part("facemask", "lip_masks", "lip_masks.bin", "lip_masks"),
    Part("occluders", "occluder_masks", "occluder_masks.bin", "occluder_masks"),
    Part("hearing", "heard", "heard.bin", "heard"),
)
RELIT = (
    Part(RELIGHT, "relit_video", "relit.mp4", "relit_clips"),
    Part(RELIGHT, "relit_companion_video", "relit_companion.mp4", "relit_companions"),
)
LTX = dict(zip(("video", "audio", "reference_video", "reference_audio"), PAIR, strict=True))
"""Column of ltx-trainer -> what is in it: the clip is the target, its companion the reference."""
LTX_RELIT = LTX | dict(zip(("video", "reference_video"), RELIT, strict=True))


def parts_of(columns: Collection[str], to: Format, relit: bool, name: str) -> tuple[Part, ...]:
    """`columns`: those of the version that is called `name` in errors."""
    if "ingest_row" not in columns:
        raise StorageError(
            f"{name} has no clips (it was made without ingest), and clips are what is exported; name another version"
        )
    if relit and f"{RELIGHT}_row" not in columns:
        raise StorageError(f"{name} was made without {RELIGHT}, so nothing of it is relit; leave --relit out")
    if to is Format.LTX and f"{COMPANION}_row" not in columns:
        raise StorageError(
            f"{name} holds clips without companions, and ltx-trainer is to learn from pairs; take a version that was "
            "made with the stage companion on, or export the clips with --to folder or --to webdataset"
        )
    wanted = (*PAIR, *(BESIDE if to is not Format.LTX else ()), *(RELIT if relit else ()))
    return tuple(part for part in wanted if f"{part.stage}_row" in columns)
