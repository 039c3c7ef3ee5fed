"""The head of MediaPipe's mesh, on a real woman: its oval holds her face, its jaw opens, and it needs the mesh's depth."""

import av
import numpy as np
import pytest

from models.faces import load_face
from models.heads import load_head
from models.heads.fit import Fit, TrackedFace
from tests.media_files import DATA, needs_data
from tests.registry_files import FINDER, MESH, needs_weights

SIDE = 288


@needs_data
@needs_weights(FINDER, MESH)
def test_the_oval_holds_the_face_and_opens_its_jaw():
    reference = f"{FINDER} + {MESH}"
    head, faces = load_head("mesh", ""), load_face("mesh", reference)
    with av.open(str(DATA / "clips" / "lbbc2a.mpg")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][::20]
    rgb_FHWC = np.stack(frames)[:, :, 36 : 36 + SIDE]
    shapes = [faces.shape(rgb_HWC, faces.detect(rgb_HWC)[0].box) for rgb_HWC in rgb_FHWC]
    five_F52 = np.stack([shape.five_52 for shape in shapes])
    mesh_FK3 = np.stack([np.column_stack([shape.points_K2, shape.depth_K]) for shape in shapes]) / SIDE
    mesh_FK3[1] = np.nan
    fit = Fit.from_bytes(head.fit(TrackedFace(rgb_FHWC, five_F52, mesh_FK3)).to_bytes())
    assert fit.seen_F.tolist() == [n != 1 for n in range(len(rgb_FHWC))]
    shut, wide = (head.face(fit, jaw, SIDE).points_FV2[0] for jaw in (0.0, 0.4))
    (left, top), (right, bottom) = shut.min(0), shut.max(0)
    points_K2 = shapes[0].points_K2
    assert np.abs(np.array([left, top, right]) - [*points_K2.min(0), points_K2[:, 0].max()]).max() < 8
    assert wide[:, 1].max() > bottom + 5
    lips_V2 = head.lips(fit, SIDE).points_FV2[0, :20]
    assert np.abs(lips_V2 - points_K2[list(faces.mouth[:20])]).max() < 5
    assert np.abs(np.degrees(fit.pose_F3[0, 0]) - shapes[0].yaw) < 5
    nobody = head.fit(TrackedFace(rgb_FHWC[:2], five_F52[:2], np.full_like(mesh_FK3[:2], np.nan)))
    assert not nobody.seen_F.any()


def test_a_track_without_the_mesh_is_refused():
    with pytest.raises(ValueError, match="ingest it again with face=mesh"):
        load_head("mesh", "").fit(TrackedFace(np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 5, 2))))
