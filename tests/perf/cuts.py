"""Videos whose cuts are known, and how many of them each detector finds.

Two shots each, of people of the world: other people, other rooms, the same person a moment later on the same
set (a jump cut) or seen closer; and takes without any cut in which heads, lights or the camera move fast.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.world.direct import make_scene
from models.world.motion import bump, wander
from models.world.people import make_person
from models.world.render import render
from models.world.scene import Scene
from models.world.sound.speech import speak
from storage.media.encode import encode_video

SIZE, FPS, SHOT = (256, 192), 25, 32
"""Frames of a shot."""
NEAR = 2
"""Frames by which a cut may be misplaced."""
KINDS = {
    "people": 2, "room": 2, "jump": 5, "closer": 3, "flash": 1, "fast head": 2, "fast body": 1, "pan": 1,
}  # fmt: skip
"""And how many videos of each."""


@dataclass(frozen=True)
class Footage:
    kind: str
    path: Path
    cuts: tuple[int, ...]
    frames: int


@dataclass
class Found:
    """What a detector made of all the cuts."""

    right: int = 0
    missed: int = 0
    false: int = 0

    def add(self, found: list[int], cuts: tuple[int, ...]) -> None:
        right = sum(any(abs(f - c) <= NEAR for f in found) for c in cuts)
        self.right, self.missed = self.right + right, self.missed + len(cuts) - right
        self.false += sum(all(abs(f - c) > NEAR for c in cuts) for f in found)

    @property
    def cuts(self) -> int:
        return self.right + self.missed

    @property
    def f1(self) -> float:
        return 2 * self.right / max(2 * self.right + self.missed + self.false, 1)


def footage(folder: Path) -> Iterator[Footage]:
    for key, (kind, count) in enumerate(KINDS.items()):
        for number in range(count):
            rng = np.random.default_rng([key, number])
            rgb_FHWC, cuts = _filmed(kind, number, rng)
            path = folder / f"{kind.replace(' ', '_')}_{number}.mp4"
            encode_video(path, rgb_FHWC, FPS, crf=20)
            yield Footage(kind, path, cuts, len(rgb_FHWC))


def _filmed(kind: str, number: int, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, ...]]:
    person, framing = make_person(1000 + number), "close" if number % 3 == 0 else "bust"
    scene = make_scene(rng, person, 6 * SHOT, framing=framing)
    if kind in ("people", "room"):
        who = make_person(2000 + number) if kind == "people" else person
        other = make_scene(rng, who, SHOT, framing="bust")
        return np.concatenate([_render(rng, scene, 0, SHOT), _render(rng, other, 0, SHOT)]), (SHOT,)
    if kind in ("jump", "closer"):
        later = scene
        if kind == "closer":
            later = replace(scene, camera=replace(scene.camera, scale=scene.camera.scale * 1.15))
        start = int(rng.integers(2 * SHOT, 5 * SHOT))
        parts = [_render(rng, scene, 0, SHOT), _render(rng, later, start, start + SHOT)]
        return np.concatenate(parts), (SHOT,)
    rgb_FHWC = _render(rng, _lively(kind, rng, scene), 0, 2 * SHOT)
    return (_flashed(rgb_FHWC) if kind == "flash" else rgb_FHWC), ()


def _lively(kind: str, rng: np.random.Generator, scene: Scene) -> Scene:
    """A head that turns 40 degrees there and back in half a second, a body that leans as fast, a camera that pans."""
    frames = scene.frames
    if kind == "fast head":
        turn_F = rng.choice([-1, 1]) * 0.7 * bump(frames, 1.5, 0.12)
        return replace(scene, pose_F3=scene.pose_F3 + turn_F[:, None] * (1, 0.3, 0.2))
    if kind == "fast body":
        lean_F2 = rng.choice([-1, 1]) * 0.5 * bump(frames, 1.5, 0.15)[:, None] * (1, 0.2)
        return replace(scene, shift_F2=scene.shift_F2 + lean_F2 + wander(rng, frames, 2, 0.03, 2))
    if kind == "pan":
        return replace(scene, drift_F2=np.linspace(0, 0.8, frames)[:, None] * (1, 0))
    return scene


def _flashed(rgb_FHWC: np.ndarray) -> np.ndarray:
    lit_FHWC = rgb_FHWC.astype(np.int16)
    lit_FHWC[30], lit_FHWC[31] = lit_FHWC[30] + 70, lit_FHWC[31] + 40
    lit_FHWC[55] = lit_FHWC[55] * 2
    return np.clip(lit_FHWC, 0, 255).astype(np.uint8)


def _render(rng: np.random.Generator, scene: Scene, first: int, last: int) -> np.ndarray:
    """Only these frames of a longer take."""
    fields = {
        name: value[first:last] for name, value in vars(scene).items() if name.split("_")[-1][:1] == "F"
    }
    light = replace(scene.light, direction_F3=scene.light.direction_F3[first:last])
    mouth_F3 = speak(rng, (last - first) / FPS).mouth(FPS, last - first)
    return render(replace(scene, **fields, light=light), mouth_F3, SIZE).rgb_FHWC


def scored(all_footage: list[Footage], detect: Callable[[Path], list[int]]) -> dict[str, Found]:
    """By kind, and of all as ''."""
    by_kind = {kind: Found() for kind in ("", *KINDS)}
    for one in all_footage:
        found = detect(one.path)
        for kind in ("", one.kind):
            by_kind[kind].add(found, one.cuts)
    return by_kind


def scenedetect(name: str) -> Callable[[Path], list[int]]:
    """PySceneDetect as it comes, but for shots as short as ours."""
    import scenedetect as peer

    def detect(path: Path) -> list[int]:
        scenes = peer.detect(str(path), getattr(peer, name)(min_scene_len=8))
        return [start.frame_num for start, _ in scenes[1:]]

    return detect
