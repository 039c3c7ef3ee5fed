"""Real and hostile footage through the whole recipe: every file ends as it should, with its reason."""

import io
from pathlib import Path

import numpy as np
import pytest

from flows.recipes import RECIPES, Recipe
from flows.run.graph import stages_of
from storage.ledger.selection import Selection
from storage.ledger.table import Status
from storage.media.container import open_media
from storage.media.decode import decode_audio
from tasks.ingest.lip_sync import measure_lip_sync
from tasks.ingest.track_data import TrackData
from tests.media_files import DATA, needs_data
from tests.toy.inline import Ran, run_inline

pytest.importorskip("mediapipe", reason="the extra `mediapipe` is not installed")
MODEL = DATA / "models" / "face_landmarker_v2_with_blendshapes.task"
RATE, FRAME = 16000, 640
"""Samples of sound a second, and to a frame of the picture."""
STAGES = ("probe", "ingest", "quality", "verdict")
"""What comes after looks at the face through large models."""
PERSON = ("bbaf2n.mpg", "pwij3p.mpg", "lbax4n.mpg", "lbbc2a.mpg", "id2_vcd_swwp2s.mpg", "latentsync_demo1.mp4",
          "retalking_1.mp4", "retalking_5.mp4")  # fmt: skip
EXPECTED = {
    **dict.fromkeys(PERSON, "ok"),
    "bird.mkv": "face_too_small",
    "book.mkv": "face_too_small",
    "base_ok.mp4": "ok",
    "zero_byte.mp4": "empty",
    "text_renamed.mp4": "not_media",
    "truncated_no_moov.mp4": "broken",
    "truncated_faststart.mp4": "damage",
    "corrupt_midstream.mp4": "damage",
    "no_audio.mp4": "no_audio",
    "audio_only.mp4": "no_video",
    "cover_art_only.m4a": "cover_art",
    "two_audio_tracks.mkv": "ok",
    "silent_audio_track.mp4": "near_silence",
    "audio_half_length.mp4": "damage",
    "single_frame.mp4": "too_short",
    "vfr.mp4": "ok",
    "fps60.mp4": "ok",
    "audio_start_pts_0.4s.mp4": "out_of_sync",  # its timestamps do put the sound 0.4 s too late
    "desync_audio_late_12f.mp4": "out_of_sync",
    "desync_audio_early_12f.mp4": "damage",  # its sound ends early, too
    "frozen_face_with_speech.mp4": "frozen",
    "rotated_display_matrix.mp4": "ok",
    "hdr10_hevc_10bit.mp4": "ok",
    "odd_dims_511x401_yuv444.mp4": "ok",
    "odd_dims_511x401_vp9.webm": "ok",
    "anamorphic_sar_12_11.mp4": "ok",
    "full_range_yuvj420p_gray.mp4": "ok",
    "interlaced_tff.mpg": "ok",
    "surround51_in_mp4.mp4": "ok",
    "small_face_68px.mp4": "face_too_small",
    "no_face.mp4": "no_face",
    "two_faces_left_speaks.mp4": "ok",
    "scene_cut_3_people.mp4": "ok",
    "jump_cut_same_person.mp4": "ok",
    "README.txt": "not_media",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    where = tmp_path_factory.mktemp("real")
    listed = "\n".join(["uri", *(str(path) for kind in ("clips", "bad") for path in (DATA / kind).iterdir())])
    (where / "all.csv").write_text(listed)
    ingest = RECIPES["full"].ingest.model_copy(
        update={"face_model": str(MODEL), "identity_model": "", "size": 128}
    )
    stages = {name: stage for name, stage in stages_of(Recipe(ingest=ingest)).items() if name in STAGES}
    return run_inline(where / "all.csv", where / "catalog", stages, batch=1)


def codes(ran: Ran) -> dict[str, list[str]]:
    """File name -> what became of its clips, or of the file itself where it gave none."""
    names = {row["item_id"]: Path(row["uri"]).name for row in rows(ran, "sources")}
    found: dict[str, list[str]] = {name: [] for name in names.values()}
    for stage in ("sources", "probe", "ingest", "verdict"):
        below = {}
        for row in rows(ran, stage):
            name = names.get(row["parent_id"], names.get(row["item_id"]))
            assert name, row
            below[row["item_id"]] = name
            if row["status"] != Status.OK or stage == "verdict":
                found[name].append(row["code"] or str(row["status"]))
        names |= below
    return found


def rows(ran: Ran, stage: str) -> list[dict]:
    selection: Selection = ran.chosen[stage]
    table = ran.catalog.table(selection.node)
    columns = ["item_id", "parent_id", "status", "code", *(["uri"] if stage == "sources" else [])]
    wanted = set(selection.states["_rowid"].to_pylist())
    return [row for row in table.select(None, columns).to_pylist() if row["_rowid"] in wanted]


@needs_data
def test_every_file_ends_where_it_should(ran: Ran) -> None:
    found = codes(ran)
    assert not [name for name, ends in found.items() if "quarantined" in ends]
    ends = {name: "ok" if "ok" in found[name] else (found[name] or ["nothing"])[0] for name in EXPECTED}
    assert ends == EXPECTED


@needs_data
def test_the_same_bytes_under_a_wild_name_are_a_copy(ran: Ran) -> None:
    twins = codes(ran)["nämé with spaces & 'quotes' 中文.mp4"], codes(ran)["base_ok.mp4"]
    assert sorted(ends[0] for ends in twins) == ["duplicate", "ok"]


@needs_data
def test_cuts_part_clips_and_the_speaking_face_is_the_left_one(ran: Ran) -> None:
    found = codes(ran)
    assert len(found["scene_cut_3_people.mp4"]) >= 3
    assert len(found["jump_cut_same_person.mp4"]) == 2
    assert len(found["two_faces_left_speaks.mp4"]) == 1


@needs_data
def test_recorded_lips_are_in_step_forwards_and_not_backwards_and_a_shift_is_found(ran: Ran) -> None:
    whole = [clip for clip in spoken(ran) if len(clip[1].opening_T) >= 75]
    assert len(whole) >= 7
    for name, track, samples in whole:
        opening_T = np.where(track.score_T > 0, track.opening_T, np.nan)
        here = measure_lip_sync(opening_T, samples, 25, RATE)
        assert (abs(here.lag_frames) <= 3, here.strength > 0.1) == (True, True), (name, here)
        for lips_T, heard in ((opening_T, samples[::-1]), (opening_T[::-1], samples)):
            assert measure_lip_sync(lips_T, heard, 25, RATE).strength < 0.1, name
        for late in range(-12, 13):
            moved = np.roll(np.pad(samples, 12 * FRAME), late * FRAME)[12 * FRAME : -12 * FRAME]
            found = measure_lip_sync(opening_T, moved, 25, RATE).lag_frames
            assert abs(found - here.lag_frames - late) <= 1 or abs(here.lag_frames + late) > 13, (
                name,
                late,
                found,
            )


def spoken(ran: Ran) -> list[tuple[str, TrackData, np.ndarray]]:
    """The shared clips whose sound is known to be theirs."""
    table = ran.catalog.table(ran.chosen["ingest"].node)
    names = {
        row["_rowid"]: Path(row["uri"] or "").name
        for row in table.select("status = 'ok'", ["uri"]).to_pylist()
    }
    wanted = {at: name for at, name in names.items() if name in PERSON and name != "latentsync_demo1.mp4"}
    found = []
    for name, row in zip(wanted.values(), table.read(list(wanted), ["audio", "track_data"]), strict=True):
        with open_media(io.BytesIO(row["audio"])) as media:
            found.append((name, TrackData.from_bytes(row["track_data"]), decode_audio(media).samples))
    return found
