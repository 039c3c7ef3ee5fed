"""The plain ways to the same batches, without redub's tables: loose files beside each clip, and a tar that is streamed.

What torchcodec and WebDataset would do is done by PyAV and Python's tarfile, since neither is in the default install.
Each clip is an .mp4; its masks (packed bits), features and latents are .npy, of which a window is read by mmap.
"""

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from models.audio.packed import unpack as unpack_heard
from models.audio.windows import windows_of_latents
from models.vae.latent_weights import latent_weights
from storage.batches.place import Place
from storage.batches.windows import Windows
from tasks.latent_windows import unpack as unpack_latents
from tasks.masks import unpack

FRAMES, STRIDE, PIXELS, LATENTS, FPS = 25, 12, 4, 7, 25
MASKS = {
    "face": ("facemask", "face_masks"),
    "lips": ("facemask", "lip_masks"),
    "occluders": ("occluders", "occluder_masks"),
}


def write_loose(windows: Windows, folder: Path) -> None:
    """All clips of an opened split, as files `<number>.<what>`."""
    for clip in range(len(windows.clips)):
        place = [Place(clip, 0, 0)]

        def blob(stage: str, column: str, place: list[Place] = place) -> bytes:
            return windows.blobs.whole(stage, column, windows.rows(stage, place))[0]

        (folder / f"{clip}.mp4").write_bytes(blob("ingest", "video"))
        np.save(folder / f"{clip}.heard.npy", unpack_heard(blob("hearing", "heard")))
        np.save(folder / f"{clip}.latents.npy", unpack_latents(blob("latents", "window_latents")))
        for name, (stage, column) in MASKS.items():
            np.save(folder / f"{clip}.{name}.npy", np.packbits(unpack(blob(stage, column)), -1))


def write_tar(folder: Path, clips: int) -> Path:
    with tarfile.open(folder / "clips.tar", "w") as tar:
        for clip in range(clips):
            for path in sorted(folder.glob(f"{clip}.*")):
                if "latents" not in path.name:
                    tar.add(path, path.name)
    return folder / "clips.tar"


def from_files(
    folder: Path, places: Sequence[Place], others: Sequence[Place], cached: bool
) -> dict[str, Tensor]:
    """A batch, clip by clip."""
    made = []
    for place, other in zip(places, others, strict=True):
        files: dict[str, Any] = {
            name: np.load(folder / f"{place.clip}.{name}.npy", mmap_mode="r") for name in ("heard", *MASKS)
        }
        if cached:
            stored = np.load(folder / f"{place.clip}.latents.npy", mmap_mode="r")
            both_2TCHW = stored[place.number].astype(np.float32)
            target, masked = (np.ascontiguousarray(one.swapaxes(0, 1)) for one in both_2TCHW)
            pictures = {
                "target_BCFHW": target,
                "masked_BCFHW": masked,
                "reference_BCHW": stored[other.number, 0, 0].astype(np.float32),
            }
        else:
            with (folder / f"{place.clip}.mp4").open("rb") as file:
                pictures = _pictures(file, place.first, other.first)
        made.append(_sample(files, place.first, pictures, cached))
    return _collated(made)


def from_tar(tar: Path, batch: int) -> Iterator[dict[str, Tensor]]:
    """One window of each clip, as it comes by: what a stream can give without decoding a clip for many."""
    made = []
    with tarfile.open(tar, "r|") as stream:
        held: dict[str, bytes] = {}
        for member in stream:
            file = stream.extractfile(member)
            assert file is not None
            held[member.name.partition(".")[2]] = file.read()
            if len(held) == 2 + len(MASKS):
                files = {n: np.load(io.BytesIO(held[f"{n}.npy"])) for n in ("heard", *MASKS)}
                last = len(files["face"]) - FRAMES
                first = last // STRIDE // 2 * STRIDE
                pictures = _pictures(io.BytesIO(held["mp4"]), first, last // STRIDE * STRIDE)
                made.append(_sample(files, first, pictures, cached=False))
                held = {}
            if len(made) == batch:
                yield _collated(made)
                made = []


def _sample(
    files: dict[str, np.ndarray], first: int, pictures: dict[str, Any], cached: bool
) -> dict[str, Any]:
    face, lips, occluded = (
        np.unpackbits(files[name][first : first + FRAMES], -1).view(bool) for name in MASKS
    )
    near_FN = windows_of_latents(first, LATENTS, len(files["heard"]))
    audio = files["heard"][near_FN].reshape(*near_FN.shape, -1).astype(np.float32)
    keep = {} if cached else {"inpaint_BFHW": ~(face & ~occluded)}
    return {"audio_BFNA": audio, "face_BFHW": face, "lips_BFHW": lips & ~occluded, **pictures, **keep}


def _collated(samples: list[dict[str, Any]]) -> dict[str, Tensor]:
    batch = {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in samples[0]}
    return batch | {name: latent_weights(batch[name], PIXELS) for name in ("face_BFHW", "lips_BFHW")}


def _pictures(file: Any, first: int, other: int) -> dict[str, np.ndarray]:
    with av.open(file) as container:
        container.streams.video[0].codec_context.thread_count = 1
        video = _decoded(container, first, FRAMES)
        return {"video_BFHWC": np.stack(video), "reference_BHWC": _decoded(container, other, 1)[0]}


def _decoded(container: Any, first: int, count: int) -> list[np.ndarray]:
    stream = container.streams.video[0]
    container.seek(round(first / FPS / stream.time_base), stream=stream)
    found = []
    for frame in container.decode(stream):
        if round(frame.time * FPS) >= first:
            found.append(frame.to_ndarray(format="rgb24"))
        if len(found) == count:
            break
    return found
