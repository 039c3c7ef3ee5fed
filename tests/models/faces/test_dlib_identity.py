"""dlib's face recognition without dlib: its file is read, its vectors come out, and people are told apart."""

import av
import numpy as np
import pytest
import torch

from models.faces import load_face, load_identity
from models.faces.dlib_identity import SAME, TEMPLATE_52, chip
from models.faces.dlib_net import SIDE, DlibNet, load_dlib_net
from models.faces.dlibfile import layers
from models.faces.warp import scaling, warp
from models.weights.references import ModelError
from tests.media_files import DATA, needs_data
from tests.registry_files import FINDER, FINDER_FAR, IDENTITY, MESH, needs_weights

needs_identity = needs_weights(IDENTITY)
needs_faces = needs_weights(IDENTITY, FINDER, FINDER_FAR, MESH)


def integer(value):
    length = max((abs(value).bit_length() + 7) // 8, 1)
    return bytes([length | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(length, "little")


def layer(name, numbers, between=(), version=2, sizes=None):
    sizes = sizes or (len(numbers), 1, 1, 1)
    head = integer(len(name)) + name.encode() + b"".join(map(integer, between))
    return head + b"".join(map(integer, (version, *sizes))) + np.asarray(numbers, "<f4").tobytes()


def test_the_numbers_of_the_layers_are_read_whatever_lies_between(tmp_path):
    path = tmp_path / "small.dat"
    many = np.linspace(-1, 1, 300, dtype=np.float32)
    between = integer(-70000) + b"\x01\x06relu_1" + bytes(40)
    path.write_bytes(
        between
        + layer("con_4", many, sizes=(3, 100, 1, 1))
        + between
        + layer("affine_", [1, 2])
        + layer("fc_2", [3], (7, 300))
        + between
    )
    (first, one), (second, two), (third, three) = layers(path)
    assert (first, second, third) == ("con", "affine", "fc")
    assert np.array_equal(one, many)
    assert (two.tolist(), three.tolist()) == ([1, 2], [3])


@pytest.mark.parametrize(
    "damaged",
    [
        layer("con_4", [1, 2, 3])[:-1],
        layer("con_4", [1], sizes=(1 << 40, 1 << 40, 1, 1)),
        layer("con_4", [1], sizes=(-4, 1, 1, 1)),
        layer("con_4", [1], version=3),
        layer("con_4", [np.nan]),
        layer("fc_2", [1])[:7],
    ],
)
def test_a_damaged_file_is_named(tmp_path, damaged):
    (tmp_path / "bad.dat").write_bytes(damaged)
    with pytest.raises(ModelError, match=r"bad\.dat is not a network that dlib saved, or not all of one"):
        layers(tmp_path / "bad.dat")


def test_files_of_something_else_are_refused(tmp_path):
    other = tmp_path / "other.dat"
    for data in (b"", b"<html>not found</html>", layer("con_4", [1, 2])):
        other.write_bytes(data)
        with pytest.raises(ModelError, match=r"other\.dat is not dlib's face recognition network.*pull"):
            load_identity(str(other))


def test_what_is_halved_keeps_its_edges():
    """At 8 pixels the two ways through a block are 3 and 4 wide: what one lacks counts as 0."""
    with torch.inference_mode():
        net = DlibNet().eval()
        assert net(torch.zeros(2, 3, SIDE, SIDE)).shape == (2, 128)
        block = net.blocks[-1]
        made = block(torch.ones(1, block.one.in_channels, 8, 8))
    assert made.shape[2:] == (4, 4)
    assert len(net.convolutions()) == 29


@pytest.fixture(scope="module")
def embedder():
    return load_identity(str(IDENTITY))


def test_the_five_points_are_brought_to_the_template():
    rgb_HWC = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    same_3HW = chip(rgb_HWC[:SIDE, :SIDE].copy(), TEMPLATE_52)
    assert np.abs(same_3HW - rgb_HWC[:SIDE, :SIDE].transpose(2, 0, 1)).max() < 1e-3
    twice_3HW = chip(rgb_HWC, 2 * TEMPLATE_52)
    assert np.abs(twice_3HW - warp(rgb_HWC, scaling(2), (SIDE, SIDE))).max() < 1e-3


@needs_identity
def test_a_file_that_is_cut_off_is_named(tmp_path):
    short = tmp_path / "short.dat"
    short.write_bytes(IDENTITY.read_bytes()[:10_000_000])
    with pytest.raises(
        ModelError, match=r"short\.dat is not a network that dlib saved.*the file ends at 10,000,000"
    ):
        load_identity(str(short))


@needs_identity
def test_the_vectors_are_dlib_s_own():
    dlib = pytest.importorskip("dlib")
    theirs, net = dlib.face_recognition_model_v1(str(IDENTITY)), load_dlib_net(IDENTITY)
    rgb_HWC = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    with torch.inference_mode():
        ours = net(torch.from_numpy(rgb_HWC.transpose(2, 0, 1).astype(np.float32))[None])[0].numpy()
    assert np.abs(ours - np.array(theirs.compute_face_descriptor(rgb_HWC))).max() < 1e-4


@needs_identity
def test_a_vector_is_a_unit_one_and_none_of_a_picture_is_lost(embedder):
    vector_D = embedder.embed(np.zeros((SIDE, SIDE, 3), np.uint8), TEMPLATE_52)
    assert vector_D.dtype == np.float32
    assert np.linalg.norm(vector_D) == pytest.approx(1)


def frame(path, at):
    with av.open(str(path)) as container:
        return next(f for n, f in enumerate(container.decode(video=0)) if n == at).to_ndarray(format="rgb24")


@needs_data
@needs_faces
def test_one_man_in_two_videos_is_one_and_nine_people_are_nine(embedder):
    faces, people = load_face("mesh", f"{FINDER_FAR} + {FINDER} + {MESH}"), {}
    for path in sorted((DATA / "clips").iterdir()):
        for at in (5, 40):
            rgb_HWC = frame(path, at)
            shape = faces.shape(rgb_HWC, faces.detect(rgb_HWC)[0].box)
            people.setdefault(path.stem, []).append(embedder.embed(rgb_HWC, shape.five_52))
    man = [*people.pop("pwij3p"), *people.pop("id2_vcd_swwp2s")]
    for vectors in (man, *people.values()):
        assert np.min(np.stack(vectors) @ np.stack(vectors).T) > SAME + 0.02
    vectors_P2D = np.stack([man[:2], *people.values()])
    for person in range(len(vectors_P2D)):
        others = np.delete(vectors_P2D, person, 0).reshape(-1, 128)
        assert np.max(others @ vectors_P2D[person].T) < SAME - 0.01
