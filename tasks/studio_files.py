"""Reads the files of a take that another renderer has written, each with an error that says what is wrong with it."""

import csv
import io
import posixpath

import numpy as np

from storage.media.container import MediaError, open_media
from storage.media.decode import decode_audio
from storage.media.images import decode_image
from storage.store import Store

RATE = 16000
MAX_FRAMES = 25 * 600


class StudioError(ValueError):
    """A take that doesn't fit the format. `code` is for counting."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def path_inside(folder: str, path: str) -> str:
    """A path from take.json as a uri; one that leads out of the take's folder is refused."""
    joined = posixpath.normpath(path)
    if posixpath.isabs(joined) or joined.startswith("..") or "://" in path:
        raise StudioError("outside", f"{path!r} leads out of the take's folder")
    return f"{folder}/{joined}"


def numbered_frames(store: Store, folder: str, pattern: str) -> tuple[str, ...]:
    """Uris of the frames, from 0 or 1 on until a number is missing."""
    path = path_inside(folder, pattern)
    try:
        first = next(n for n in (0, 1) if _exists(store, path % n))
    except (TypeError, ValueError) as error:
        raise StudioError("no_take", f"{pattern!r} is no pattern like frames/%04d.png") from error
    except StopIteration:
        raise StudioError("no_frames", f"neither {pattern % 0} nor {pattern % 1} is there") from None
    uris: list[str] = []
    while len(uris) <= MAX_FRAMES and _exists(store, uri := path % (first + len(uris))):
        uris.append(uri)
    if len(uris) > MAX_FRAMES:
        raise StudioError("too_long", f"a take has at most {MAX_FRAMES} frames; cut it into several")
    return tuple(uris)


def _exists(store: Store, uri: str) -> bool:
    try:
        store.stat(uri)
    except FileNotFoundError:
        return False
    return True


def read_sound(store: Store, uri: str) -> np.ndarray:
    """The samples of a sound file, mono at RATE."""
    try:
        with store.open(uri) as file, open_media(file) as media:
            audio = decode_audio(media, rate=RATE)
    except FileNotFoundError as error:
        raise StudioError("no_sound", f"{uri} is not there") from error
    except MediaError as error:
        raise StudioError("no_sound", f"{uri}: {error}") from error
    if audio.damage or audio.nonfinite:
        raise StudioError("bad_sound", f"{uri}: {audio.damage or f'{audio.nonfinite} NaN samples'}")
    return audio.samples


def read_coefficients(store: Store, uri: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the columns and a line of values per frame."""
    try:
        with store.open(uri) as file:
            names, *lines = csv.reader(io.StringIO(file.read(64 << 20).decode("utf-8-sig")))
        values_FC = np.array([[float(cell) for cell in line] for line in lines], np.float32)
    except FileNotFoundError as error:
        raise StudioError("no_coefficients", f"{uri} is not there") from error
    except ValueError as error:
        raise StudioError(
            "bad_coefficients", f"{uri} is not a table of numbers under a head line: {error}"
        ) from error
    if values_FC.ndim != 2 or values_FC.shape[1] != len(names) or not np.isfinite(values_FC).all():
        raise StudioError("bad_coefficients", f"{uri} has lines of other lengths than its head, or NaN")
    return tuple(names), values_FC


def read_picture(store: Store, uri: str) -> np.ndarray:
    """One frame as rgb_HWC."""
    try:
        with store.open(uri) as file:
            return decode_image(file.read(64 << 20))
    except (ValueError, FileNotFoundError) as error:
        raise StudioError("bad_frame", f"{uri} is no picture: {error}") from error
