"""What there is to see of each file and each clip: pictures, a film with sound, scores beside limits, and the reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.looking.pair_films import pair_films
from flows.looking.rows import STILL, Shown
from flows.recipes import Recipe
from flows.trying.advice import next_step
from flows.trying.attempt import Attempt
from flows.trying.limits import Score, pair_scores_of, scores_of
from flows.trying.pictures import file_moments, found_film, source_moments
from flows.trying.said import line_of
from flows.trying.story import FileStory, Story
from storage.ledger.rows import blob_columns
from tasks.ingest.track_data import TrackData

PICTURES = {
    "source": ("The file, with the clip's square and the landmarks", "wide"),
    "captions": ("What is in front of the face, in boxes", ""),
    "facemask": ("Outlines of face and lips; in grey what may be repainted", "tall"),
    "occluders": ("What is in front of it: its mask in pink, or signs of it", ""),
}
"""Stage -> what its picture shows, and its shape on a page."""
FILE = "Three moments of the file"
FILM = "Plays with sound: the clip, and what was found in it"
PAIR_FILM = "Plays with sound: the clip, what was painted, its companion with other lips, and the difference"

SILENT = ("sources", "quality", "verdict", "screen")
"""Stages of which a clip's scores, or its outcome, say it all."""


@dataclass(frozen=True)
class Picture:
    """A JPEG, what is on it, and whether it is wide, tall, or neither."""

    what: str
    shape: str
    jpeg: bytes


@dataclass(frozen=True)
class View:
    """One file or clip as a page shows it."""

    name: str
    outcome: str
    """As a story's."""
    reason: str
    step: str
    facts: Mapping[str, str]
    """Stage -> what it says of this one."""
    scores: Sequence[Score] = ()
    pictures: Sequence[Picture] = ()
    films: Mapping[str, bytes] = field(default_factory=dict)
    """What is on it -> MP4."""
    pair: str = ""
    """Why there is no companion, or why it was rejected."""
    pair_scores: Sequence[Score] = ()


def views_of(attempt: Attempt, files: Sequence[FileStory]) -> Iterator[View]:
    """One for each clip, and one for each file that gave none."""
    for file in files:
        if not file.clips:
            jpeg = file_moments(attempt.catalog.store, file.uri)
            yield _view(file, [Picture(FILE, "wide", jpeg)] if jpeg else [], {}, attempt.asked.recipe)
        for clip in file.clips:
            yield _clip_view(attempt, clip)


def _view(story: Story, pictures: Sequence[Picture], films: Mapping[str, bytes], recipe: Recipe) -> View:
    end, pair = story.end, story.pair
    return View(
        story.name,
        story.outcome,
        end.said if end else "",
        next_step(end) if end else "",
        {name: line_of(name, [row]) for name, row in story.rows.items() if name not in SILENT},
        scores_of(story.rows, recipe.verdict, end.code if end else ""),
        pictures,
        films,
        pair.said if pair else "",
        pair_scores_of(story.rows, recipe.pairverdict),
    )


def _clip_view(attempt: Attempt, clip: Story) -> View:
    blobs = _Blobs(attempt, clip)
    track = TrackData.from_bytes(blobs.read("ingest", "track_data"))
    film = found_film(
        blobs.read("ingest", "video"), track, blobs.optional("facemask", "face_masks"),
        blobs.optional("occluders", "occluder_masks"),
    )  # fmt: skip
    films = {FILM: film} | _pair_film(attempt, clip)
    return _view(clip, list(_pictures(attempt, clip, blobs, track)), films, attempt.asked.recipe)


def _pictures(attempt: Attempt, clip: Story, blobs: "_Blobs", track: TrackData) -> Iterator[Picture]:
    for stage, (what, shape) in PICTURES.items():
        if stage == "source":
            row, side = clip.rows["ingest"], attempt.asked.recipe.ingest.size
            jpeg = source_moments(attempt.catalog.store, clip.uri, row["start_s"], row["fps"], track, side)
        else:
            jpeg = blobs.still(stage) if stage in clip.rows else None
        if jpeg:
            yield Picture(what, shape, jpeg)


def _pair_film(attempt: Attempt, clip: Story) -> dict[str, bytes]:
    if "companion" not in clip.rows:
        return {}
    shown = Shown("companion", clip.rows["companion"], dict(clip.rows))
    return {PAIR_FILM: pair_films(attempt.catalog, [shown])[0]}


@dataclass(frozen=True)
class _Blobs:
    """What is stored beside the columns of a clip's rows."""

    attempt: Attempt
    clip: Story

    def read(self, stage: str, column: str) -> Any:
        table = self.attempt.catalog.table(self.attempt.chosen[stage].node)
        (row,) = table.read([self.clip.rows[stage]["_rowid"]], [column])
        return row[column]

    def optional(self, stage: str, column: str) -> bytes | None:
        return self.read(stage, column) if stage in self.clip.rows else None

    def still(self, stage: str) -> bytes | None:
        """The stage's own picture, whatever it calls it."""
        columns = blob_columns(self.attempt.chosen[stage].node.output)
        column = next((name for name in columns if name in STILL), None)
        return self.read(stage, column) if column else None
