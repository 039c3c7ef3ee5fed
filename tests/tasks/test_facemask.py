"""The masks of clips with known truth, what the mouth leaves in them, and what happens to clips without a face."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from models.faces.landmarks478 import INNER_RING, JAW_JOINTS, NOSE, OUTER_LIPS, OVAL
from models.heads.mouth_leak import mouth_r2
from models.mini.headfit.measure import boxes_and_mouths, iou
from models.mini.world_clips import make_clip
from models.world.body.head import head
from models.world.render import face_mask
from storage.media.encode import encode_video
from storage.media.images import decode_image
from storage.store import Store
from tasks.facemask import FaceMask, FaceMaskConfig, FaceMaskInput, inpaint_mask, visible_mask
from tasks.ingest import Ingest, IngestConfig, IngestInput
from tasks.ingest.track_data import TrackData
from tasks.masks import pack, unpack
from tasks.probe import Probe
from tasks.stage import Rejected
from tests.media_files import DATA, narrow, needs_data, source_of
from tests.tasks.drawn_people import FIVE_52

FRAMES = 40
WHOLE = {"dilate": 0.0, "begins": None}
"""The face as it is, from the forehead down."""
MODEL = DATA / "models" / "face_landmarker_v2_with_blendshapes.task"


@cache
def stage(**config):
    made = FaceMask(FaceMaskConfig(**config))
    made.setup(Store())
    return made


def track_of(five_F52):
    frames = len(five_F52)
    one_F, three_F3 = np.ones(frames), np.zeros((frames, 3))
    return TrackData(five_F52, five_F52, three_F3, one_F, one_F, one_F, three_F3, one_F)


def row_of(clip, five_F52=None, occluded_FHW=None, rgb_FHWC=None):
    return FaceMaskInput(
        id="c1",
        video=encode_video(None, clip.rgb_FHWC if rgb_FHWC is None else rgb_FHWC, 25, crf=16),
        track_data=track_of(clip.five_F52 if five_F52 is None else five_F52).to_bytes(),
        occluder_masks=pack(clip.occluder_FHW if occluded_FHW is None else occluded_FHW),
    )


def made_of(clip, config=None, **given):
    (row,) = stage(**(config or {}))([row_of(clip, **given)])
    assert row.id == "c1"
    return row


def test_the_mask_is_the_face_with_its_jaw_open():
    clip = make_clip(3, 11, FRAMES, kind="hand")
    row = made_of(clip, WHOLE)
    face_FHW = unpack(row.face_masks)
    assert iou(face_FHW, clip.face_FHW) > 0.85
    wide_FHW = unpack(made_of(clip, WHOLE | {"dilate": 0.04}).face_masks)
    assert (wide_FHW >= face_FHW).all()
    assert wide_FHW.mean() > 1.08 * face_FHW.mean()
    shut_FHW = unpack(made_of(clip, WHOLE | {"jaw": 0.0}).face_masks)
    assert iou(shut_FHW, face_mask(clip.scene, (64, 64), jaw=0.0)) > 0.85
    assert shut_FHW.sum() < 0.97 * face_FHW.sum()
    assert row.covered_share == pytest.approx((face_FHW & clip.occluder_FHW).sum() / face_FHW.sum())
    assert (row.lost_share, row.longest_gap) == (0, 0)
    assert row.jitter < 0.03
    assert decode_image(row.poster).shape == (192, 192, 3)


def test_the_mask_begins_at_the_nose_and_the_whole_face_is_a_setting():
    clip = make_clip(3, 11, FRAMES)
    whole_FHW = unpack(made_of(clip, {"begins": None}).face_masks)
    lower_FHW = unpack(made_of(clip).face_masks)
    assert not (lower_FHW & ~whole_FHW).any()
    for frame, five_52 in enumerate(clip.five_F52.round().astype(int)):
        eyes, lips = five_52[:2], five_52[3:]
        assert whole_FHW[frame, eyes[:, 1], eyes[:, 0]].all()
        assert not lower_FHW[frame, eyes[:, 1], eyes[:, 0]].any()
        assert lower_FHW[frame, lips[:, 1], lips[:, 0]].all()
    lowest = np.arange(64)[None, :, None] > clip.five_F52[:, 2, 1].max() + 1
    assert np.array_equal(lower_FHW & lowest, whole_FHW & lowest)


def test_lips_follow_the_real_mouth():
    mouth_F3 = np.zeros((FRAMES, 3))
    mouth_F3[FRAMES // 2 :, 0] = 0.9
    clip = make_clip(3, 12, FRAMES, mouth_F3=mouth_F3, occluded=0.0)
    row = made_of(clip)
    area_F = unpack(row.lip_masks).sum((1, 2))
    assert area_F[FRAMES // 2 :].mean() > 1.5 * area_F[: FRAMES // 2].mean()
    assert row.jaw_max > 0.2
    name = head().landmark_names.index
    x, y = (clip.landmarks_FL2[:, name("lower_inner")] + clip.landmarks_FL2[:, name("upper_inner")]).T / 2
    assert unpack(row.lip_masks)[np.arange(FRAMES), y.astype(int), x.astype(int)].mean() > 0.9


def test_no_mouth_can_be_read_from_the_mask_but_from_a_box_it_can():
    clips = [make_clip(6, person, FRAMES) for person in range(28)]
    openings = [clip.mouth_F3[:, 0] for clip in clips]
    rows = stage()([row_of(clip) for clip in clips])
    assert mouth_r2([unpack(row.face_masks) for row in rows], openings) <= 0.1
    assert mouth_r2(*boxes_and_mouths(clips)) >= 0.4
    assert mouth_r2([unpack(row.lip_masks) for row in rows], openings) >= 0.4, (
        "which is why no model sees those"
    )


def test_what_may_be_painted_is_the_face_without_its_occluders():
    face, occluded = np.array([[True, True, False, False]]), np.array([[True, False, True, False]])
    assert visible_mask(face, occluded).tolist() == [[False, True, False, False]]
    assert inpaint_mask(face, occluded).tolist() == [[True, False, True, True]]


def test_short_losses_are_bridged_and_long_ones_rejected():
    clip = make_clip(3, 13, FRAMES, occluded=0.0)
    five_F52 = clip.five_F52.copy()
    five_F52[10:18] = np.nan
    row = made_of(clip, {"begins": None}, five_F52=five_F52)
    assert (round(row.lost_share, 6), row.longest_gap) == (0.2, 8)
    assert iou(unpack(row.face_masks)[10:18], clip.face_FHW[10:18]) > 0.75
    refused = made_of(clip, {"max_gap": 5}, five_F52=five_F52)
    assert (type(refused), refused.code) == (Rejected, "face_lost")
    assert "8 frames in a row" in refused.reason
    five_F52[::2] = np.nan
    assert "60%" in made_of(clip, five_F52=five_F52).reason


def test_a_clip_without_landmarks_is_rejected_by_name():
    clip = make_clip(3, 13, FRAMES)
    refused = made_of(clip, five_F52=np.full((FRAMES, 5, 2), np.nan, np.float32))
    assert (type(refused), refused.code) == (Rejected, "no_landmarks")
    wall = np.full_like(clip.rgb_FHWC, 90)
    assert made_of(clip, rgb_FHWC=wall).code == "no_landmarks"


def test_masks_or_a_track_of_another_clip_are_refused():
    clip = make_clip(3, 13, FRAMES)
    with pytest.raises(ValueError, match="make them again"):
        made_of(clip, occluded_FHW=clip.occluder_FHW[:-1])
    with pytest.raises(ValueError, match=f"{FRAMES} frames, its track {FRAMES - 1}"):
        made_of(clip, five_F52=clip.five_F52[:-1])


def test_a_larger_clip_has_a_larger_mask():
    clip = make_clip(3, 11, 10, size=192, occluded=0.0)
    row = made_of(clip, WHOLE)
    assert iou(unpack(row.face_masks), clip.face_FHW) > 0.85


def test_weights_are_part_of_the_fingerprint():
    (reference,) = FaceMask().weights()
    assert reference == "mini:head"
    assert len(FaceMask().weights()[reference]) == 64
    assert FaceMask(FaceMaskConfig(head="mediapipe")).packages()


def test_the_mesh_that_the_tracker_kept_is_enough_for_masks():
    """A head's points with their depth, as a tracker sees them; no picture tells where it is."""
    frames = 12
    cloud_K3 = np.random.default_rng(0).normal(0, 1, (478, 3)) * (6, 6, 3)
    for ring, wide, high in ((OVAL, 40, 52), (OUTER_LIPS, 14, 6), (INNER_RING, 12, 2)):
        angle = np.linspace(-np.pi / 2, 1.5 * np.pi, len(ring), endpoint=False)
        cloud_K3[ring] = np.stack([wide * np.cos(angle), high * np.sin(angle), 0 * angle], 1)
    cloud_K3[[*OUTER_LIPS, *INNER_RING], 1] += 24
    cloud_K3[list(JAW_JOINTS)] = [(-40, 0, 30), (40, 0, 30)]
    cloud_K3[NOSE] = 0, 4, -20
    mesh_TK3 = cloud_K3 + np.linspace([60, 60, 0], [68, 62, 0], frames)[:, None]
    mesh_TK3[4] += 500  # guessed from its neighbours, and wrong
    five_F52 = np.repeat(FIVE_52[None], frames, axis=0)
    whole = dataclasses.replace(
        track_of(five_F52), points_TK2=mesh_TK3[:, :, :2], depth_TK=mesh_TK3[:, :, 2],
        score_T=np.where(np.arange(frames) == 4, 0.0, 1.0),
    )  # fmt: skip
    grey = np.full((frames, 128, 128, 3), 90, np.uint8)
    row = FaceMaskInput(
        "c1", encode_video(None, grey, 25), whole.to_bytes(), pack(np.zeros(grey.shape[:3], bool))
    )
    (made,) = stage(head="mesh", head_model="", jaw=0.0, **WHOLE)([row])
    face_FHW = unpack(made.face_masks)
    assert (round(made.lost_share * frames), made.longest_gap) == (1, 1)
    rows_HW, columns_HW = np.mgrid[:128, :128]
    ellipse_HW = ((columns_HW - 64) / 40) ** 2 + ((rows_HW - 61) / 52) ** 2 < 1
    assert iou(face_FHW[5], ellipse_HW) > 0.85
    assert iou(face_FHW[4], face_FHW[5]) > 0.9
    assert unpack(made.lip_masks)[5, 61 + 24, 64]
    without = dataclasses.replace(row, track_data=track_of(five_F52).to_bytes())
    with pytest.raises(ValueError, match="ingest it again with face=mesh"):
        stage(head="mesh", head_model="", **WHOLE)([without])
    with pytest.raises(ValueError, match="set head_model to ''"):
        FaceMaskConfig(head="mesh", head_model="mini:head")


@needs_data
def test_real_faces_get_masks_by_mediapipe():
    pytest.importorskip("mediapipe", reason="the extra `real` is not installed")
    look = {
        "face": "mediapipe",
        "face_model": str(MODEL),
        "identity_model": "",
        "size": 256,
        "max_seconds": 1.0,
    }
    ingest, probe = Ingest(IngestConfig(**look)), Probe()
    ingest.setup(Store())
    probe.setup(Store())
    (listed,) = probe([source_of(DATA / "clips" / "lbbc2a.mpg")])
    (cut,) = ingest([narrow(IngestInput, listed.rows[0])])
    clip = cut.rows[0]
    none = dataclasses.make_dataclass("None_", ["occluder_masks"])(
        pack(np.zeros((clip.frames, 256, 256), bool))
    )
    masker = FaceMask(FaceMaskConfig(head="mediapipe", head_model=str(MODEL)))
    masker.setup(Store())
    try:
        (row,) = masker([narrow(FaceMaskInput, clip, none)])
    finally:
        masker.head.close()
        ingest.face.close()
    face_FHW, lips_FHW = unpack(row.face_masks), unpack(row.lip_masks)
    five_F52 = TrackData.from_bytes(clip.track_data).five_T52.astype(int)
    assert all(face_FHW[f, y, x] for f, five_52 in enumerate(five_F52) for x, y in five_52)
    assert 0.2 < row.face_share < 0.5
    assert (row.lost_share, row.jitter < 0.01) == (0, True)
    assert (lips_FHW & face_FHW).sum() > 0.98 * lips_FHW.sum() > 0
    assert np.abs(np.diff(face_FHW.sum((1, 2)))).max() < 0.03 * face_FHW.sum((1, 2)).mean(), (
        "it does not flap"
    )
