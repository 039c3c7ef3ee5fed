"""Reads takes that another renderer has written: frames, sound and coefficients in a folder.

    anna_012/
      take.json             {"redub_take": 1, "renderer": "Unreal Engine 5.6", "speaker": "anna", "fps": 25,
                             "licence": "...", "consent": "...", "occluder": "",
                             "main": {"frames": "main/%04d.png", "sound": "main.wav", "coefficients": "main.csv"},
                             "dub":  {"frames": "dub/%04d.png",  "sound": "dub.wav",  "coefficients": "dub.csv"}}
      main/0001.png ...     8-bit RGB PNG or JPEG, numbered without holes from 0 or 1, all of one even size
      main.csv              one line a frame, one column a coefficient; those that speech moves are
                            ARKit's jaw*, mouth*, tongueOut and cheekPuff, the others are free

`dub` is optional: the same take with other speech. Then every coefficient that speech does not move must
be the same in both, line by line, which is what makes the pair an aligned one. Sound is a WAV as long as the
frames, within one frame. Paths are inside the folder.
"""

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from storage.sources import Source
from storage.sources.rights import given
from storage.store import Store
from tasks.studio_files import (
    RATE,
    StudioError,
    numbered_frames,
    path_inside,
    read_coefficients,
    read_picture,
    read_sound,
)
from tasks.truth import Truth

SPEECH_PREFIXES = ("jaw", "mouth", "tongue", "cheekpuff")
ALIKE = 1e-4
"""Coefficients are written with about five digits."""


class Part(BaseModel):
    """Where take.json says one rendering of the take is."""

    model_config = ConfigDict(extra="forbid")
    frames: str
    sound: str
    coefficients: str


class TakeFile(BaseModel):
    """What take.json holds."""

    model_config = ConfigDict(extra="forbid")
    redub_take: int = Field(ge=1, le=1)
    renderer: str = Field(min_length=1)
    speaker: str = ""
    fps: float = Field(gt=0, le=120)
    licence: str = ""
    consent: str = ""
    occluder: str = ""
    main: Part
    dub: Part | None = None


@dataclass(frozen=True)
class Half:
    """One of the two renderings of a take."""

    store: Store
    uris: tuple[str, ...]
    sound: np.ndarray
    names: tuple[str, ...]
    coefficients_FC: np.ndarray

    def frames(self) -> Iterator[np.ndarray]:
        size = self.size
        for uri in self.uris:
            rgb = read_picture(self.store, uri)
            if rgb.shape[1::-1] != size:
                raise StudioError(
                    "sizes_differ", f"{uri} is {_by(rgb.shape[1::-1])}, the first is {_by(size)}"
                )
            yield rgb

    def samples(self, count: int) -> np.ndarray:
        picked = np.linspace(0, len(self.uris) - 1, count).astype(int)
        return np.stack([read_picture(self.store, self.uris[i]) for i in picked])

    @cached_property
    def size(self) -> tuple[int, int]:
        height, width = read_picture(self.store, self.uris[0]).shape[:2]
        if height % 2 or width % 2:
            raise StudioError("odd_size", f"{self.uris[0]} is {width}x{height}; render at an even size")
        return width, height

    def truth(self) -> Truth:
        count = len(self.uris)
        return Truth(
            names=self.names,
            coefficients_FC=self.coefficients_FC,
            shape_K=np.zeros(0),
            landmarks_FL2=np.zeros((count, 0, 2)),
            visible_FL=np.zeros((count, 0), bool),
            five_F52=np.zeros((count, 0, 2)),
            face_FHW=np.zeros((count, 0, 0), bool),
            occluder_FHW=np.zeros((count, 0, 0), bool),
            phones=(),
        )


@dataclass(frozen=True)
class StudioTake:
    """A take that has been read and checked, but for its pictures."""

    name: str
    told: TakeFile
    main: Half
    dub: Half | None

    @property
    def fps(self) -> float:
        return self.told.fps

    @property
    def count(self) -> int:
        return len(self.main.uris)

    @property
    def size(self) -> tuple[int, int]:
        return self.main.size

    def facts(self, row: Source) -> dict[str, Any]:
        """What a row says of the take; its own words win over the listing's."""
        return {
            "name": self.name,
            "renderer": self.told.renderer,
            "speaker": self.told.speaker or row.speaker or self.name,
            "licence": given(self.told.licence) or row.licence,
            "consent": given(self.told.consent) or row.consent,
            "occluder": self.told.occluder,
            "covered_share": None,
            "sung": False,
            "words": "",
        }


def read_take(store: Store, uri: str) -> StudioTake:
    """Checks everything but the pictures, which are checked as they are read."""
    told = _told(store, uri)
    folder = posixpath.dirname(uri)
    main = _half(store, folder, told.main, told.fps)
    dub = _half(store, folder, told.dub, told.fps) if told.dub else None
    if dub:
        _check_aligned(main, dub)
    return StudioTake(posixpath.basename(folder), told, main, dub)


def _told(store: Store, uri: str) -> TakeFile:
    try:
        with store.open(uri) as file:
            return TakeFile.model_validate(json.loads(file.read(1 << 20)))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StudioError("no_take", f"{uri} is no take.json: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise StudioError("no_take", f"{uri}: {where}: {first['msg']}") from error


def _half(store: Store, folder: str, part: Part, fps: float) -> Half:
    uris = numbered_frames(store, folder, part.frames)
    sound = read_sound(store, path_inside(folder, part.sound))
    names, coefficients_FC = read_coefficients(store, path_inside(folder, part.coefficients))
    if len(coefficients_FC) != len(uris):
        raise StudioError(
            "counts_differ",
            f"{part.coefficients} has {len(coefficients_FC)} lines for {len(uris)} frames",
        )
    if abs(len(sound) / RATE - len(uris) / fps) > 1 / fps:
        raise StudioError(
            "lengths_differ",
            f"{part.sound} is {len(sound) / RATE:.2f} s long, {len(uris)} frames at {fps:g} fps are "
            f"{len(uris) / fps:.2f} s",
        )
    return Half(store, uris, sound, names, coefficients_FC)


def _check_aligned(main: Half, dub: Half) -> None:
    if main.names != dub.names or main.coefficients_FC.shape != dub.coefficients_FC.shape:
        raise StudioError("not_aligned", "main and dub have other coefficients, or another number of frames")
    if main.size != dub.size:
        raise StudioError("not_aligned", f"main is {_by(main.size)}, dub is {_by(dub.size)}")
    still = [i for i, name in enumerate(main.names) if not name.lower().startswith(SPEECH_PREFIXES)]
    gap_FC = np.abs(main.coefficients_FC - dub.coefficients_FC)[:, still]
    if gap_FC.size and gap_FC.max() > ALIKE:
        frame, column = np.unravel_index(gap_FC.argmax(), gap_FC.shape)
        raise StudioError(
            "not_aligned",
            f"{main.names[still[column]]} differs by {gap_FC.max():.3g} in frame {frame}: only the "
            "coefficients of speech may differ between main and dub",
        )


def _by(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
