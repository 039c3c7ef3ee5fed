"""SyncNet's parts against what they are defined as, and the published weights' names and shapes."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import conv3d

from models.mini.world_clips import make_clip
from models.sync.mfcc import filters, mfcc
from models.sync.net import Net, Sizes, with_2d_kernels
from models.sync.syncnet import REACH, SyncNet, crops, distances, judge, lip_windows
from models.weights.references import ModelError, resolve

SMALL = Sizes(side=64, lips=(4,) * 6, sound=(4,) * 6, hidden=4, vector=6)


def spelled_out(sound, column):
    """One column of cepstral coefficients, sum by sum, without a transform of any library."""
    sound = np.round(sound * 2**15, 12)
    loud = np.array([now - 0.97 * before for before, now in zip([0, *sound], sound, strict=False)])
    loud[0] = sound[0]
    piece = np.concatenate([loud, np.zeros(800)])[column * 160 :][:400]
    turns = np.outer(np.arange(257), np.arange(400)) / 512
    power = np.abs((piece * np.exp(-2j * np.pi * turns)).sum(1)) ** 2 / 512
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 28)
    edge = [int(513 * 700 * (10 ** (m / 2595) - 1) // 16000) for m in mel]
    bands = []
    for low, middle, high in zip(edge, edge[1:], edge[2:], strict=False):
        up = sum(power[b] * (b - low) / (middle - low) for b in range(low, middle))
        bands.append(up + sum(power[b] * (high - b) / (high - middle) for b in range(middle, high)))
    said = [np.log(power.sum())]
    for c in range(1, 13):
        total = sum(np.log(band) * np.cos(np.pi * c * (2 * m + 1) / 52) for m, band in enumerate(bands))
        said.append(total * np.sqrt(2 / 26) * (1 + 11 * np.sin(np.pi * c / 22)))
    return said


def test_cepstral_coefficients_are_what_their_definition_says():
    sound = np.random.default_rng(1).normal(0, 0.1, 8000).astype(np.float32)
    heard_TC = mfcc(sound)
    assert heard_TC.shape == (49, 13)
    for column in (0, 7, 48):
        assert heard_TC[column] == pytest.approx(spelled_out(sound, column), rel=1e-4, abs=1e-3)


def test_filters_overlap_by_half_and_silence_has_finite_coefficients():
    summed_B = filters().sum(0)
    assert summed_B[3:225] == pytest.approx(1)
    assert np.isfinite(mfcc(np.zeros(3000, np.float32))).all()
    assert len(mfcc(np.zeros(10, np.float32))) == 1


def published():
    """Names and shapes of the public file, kernels in three dimensions as it has them."""
    lips = {0: (96, 3, 5, 7, 7), 4: (256, 96, 1, 5, 5), 18: (512, 256, 1, 6, 6)}
    lips |= dict.fromkeys((8, 11, 14), (256, 256, 1, 3, 3))
    sound = {0: (64, 1, 3, 3), 4: (192, 64, 3, 3), 8: (384, 192, 3, 3), 11: (256, 384, 3, 3)}
    sound |= {14: (256, 256, 3, 3), 18: (512, 256, 5, 4)}
    head = {0: (512, 512), 3: (1024, 512)}
    named = {}
    for part, layers in {"cnnlip": lips, "cnnaud": sound, "fclip": head, "fcaud": head}.items():
        for layer, shape in layers.items():
            named |= {f"net{part}.{layer}.weight": shape, f"net{part}.{layer}.bias": shape[:1]}
            if layer == 3:
                continue
            for name in ("weight", "bias", "running_mean", "running_var"):
                named[f"net{part}.{layer + 1}.{name}"] = shape[:1]
            named[f"net{part}.{layer + 1}.num_batches_tracked"] = ()
    return named


def test_the_full_size_has_the_public_file_s_names_shapes_and_vectors():
    with torch.device("meta"):
        net = Net(Sizes()).eval()
        public = {key: torch.empty(shape) for key, shape in published().items()}
        net.load_state_dict(with_2d_kernels(public), assign=True)
        assert net.lips(torch.empty(2, 3, 5, 224, 224)).shape == (2, 1024)
        assert net.sound(torch.empty(2, 13, 20)).shape == (2, 1024)


def test_flat_kernels_see_what_those_in_three_dimensions_saw():
    rng = torch.Generator().manual_seed(1)
    weight, seen = torch.randn(4, 3, 5, 7, 7, generator=rng), torch.randn(2, 3, 5, 64, 64, generator=rng)
    net = Net(SMALL)
    key = "netcnnlip.0.weight"
    net.load_state_dict(net.state_dict() | with_2d_kernels({key: weight, "netcnnlip.0.bias": torch.zeros(4)}))
    in_three = conv3d(seen, weight, stride=(1, 2, 2))[:, :, 0]
    assert net.netcnnlip[0](seen.flatten(1, 2)).detach().numpy() == pytest.approx(in_three.numpy(), abs=1e-3)


def test_a_public_pickle_of_tensors_is_read_and_anything_else_in_one_is_not(tmp_path):
    path = tmp_path / "syncnet_v2.model"
    torch.save({key: torch.zeros(shape) for key, shape in published().items()}, path)
    assert SyncNet(str(path)).sizes == Sizes()
    torch.save({"netcnnaud.0.weight": Net}, path)
    with pytest.raises(ModelError, match=r"syncnet_v2\.model holds no SyncNet"):
        SyncNet(str(path))


@pytest.mark.parametrize("content", [b"", b"no weights", {"a": torch.zeros(1)}])
def test_bad_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "sync.safetensors"
    if isinstance(content, dict):
        save_file(content, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=str(path)):
        SyncNet(str(path))


@pytest.mark.parametrize("late", [-7, 0, 4])
def test_the_least_distance_tells_the_offset(late):
    """Vectors that are their own partner `late` windows on."""
    vectors_ND = np.random.default_rng(2).normal(0, 1, (80, 16))
    lips_ND, sounds_ND = vectors_ND[20:60], vectors_ND[20 - late : 60 - late]
    for padded in (False, True):
        sync = judge(distances(lips_ND, sounds_ND, padded=padded))
        assert sync.offset == -late
        assert sync.confidence > 1
        assert (sync.distance > 0.1) == (padded and late != 0)


def test_beyond_the_ends_only_the_published_way_compares():
    ones_ND = np.ones((30, 4))
    assert distances(ones_ND, ones_ND) == pytest.approx(0)
    padded_S = distances(ones_ND, ones_ND, padded=True)
    assert padded_S[[0, REACH, -1]] == pytest.approx([2 * REACH / 30, 0, 2 * REACH / 30])


def test_the_crop_holds_the_face_upright_and_still():
    """Leaning and moving heads end in one place: a dot on the mouth stays where it is."""
    sizes = Sizes(side=64, wide=1.0, down=0.25)
    five_52 = np.array([[-10, -12], [10, -12], [0, 0], [-7, 12], [7, 12]], float)
    rgb_FHWC, five_F52 = np.zeros((30, 128, 128, 3), np.uint8), np.empty((30, 5, 2))
    for frame in range(30):
        lean = 0.4 + 0.005 * frame
        turn_22 = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
        five_F52[frame] = five_52 @ turn_22.T + (50 + 0.5 * frame, 64)
        x, y = five_F52[frame, 3:].mean(0)
        rgb_FHWC[frame, int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = (200, 0, 0)
    made = crops(rgb_FHWC, five_F52, sizes)
    assert made[:, :2].max() == 0  # blue comes first
    for bgr_3HW in made[4:-4]:
        rows, columns = np.nonzero(bgr_3HW[2] > 60)
        assert np.hypot(rows.mean() - 32, columns.mean() - 32) < 2


def test_windows_begin_with_their_frame():
    bgr_F3HW = np.arange(9)[:, None, None, None] * np.ones((1, 3, 2, 2), int)
    assert lip_windows(bgr_F3HW).shape == (5, 3, 5, 2, 2)
    assert lip_windows(bgr_F3HW)[2, 0, :, 0, 0].tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("late", [-5, 6])
def test_a_stranger_s_moved_sound_is_found_out(late):
    clip = make_clip(11, 5, 75, occluded=0)
    net, moved = SyncNet("mini:syncnet"), np.roll(clip.sound, late * 640)
    sync = net.score(clip.rgb_FHWC, clip.five_F52, moved)
    assert abs(sync.offset + late) <= 1
    assert sync.confidence > 0.7 * net.score(clip.rgb_FHWC, clip.five_F52, clip.sound).confidence
    assert resolve("mini:syncnet").stat().st_size < 3e6
