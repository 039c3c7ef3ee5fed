"""Crops between pixels, of every kind of plane: where things lie, and what colour they have."""

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from storage.media.convert_frames import FrameConverter, PictureConverter
from storage.media.crop import crop_rgb, crop_yuv, outside_share, whole_rgb
from storage.media.mirror import SOFT, mirror
from tests.footage import draw

FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "rgb24", "gray")


def picture_of(rgb, kind="yuv420p", space=Colorspace.ITU709):
    full = ColorRange.JPEG if kind.startswith("yuvj") or kind in ("rgb24", "gray") else ColorRange.MPEG
    frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
    if kind != "rgb24":
        frame = frame.reformat(format=kind, dst_colorspace=space, dst_color_range=full)
        frame.colorspace, frame.color_range = space, full
    return frame


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("space", [Colorspace.ITU709, Colorspace.ITU601])
def test_colours_are_those_of_libav(kind, space):
    rgb = draw((160, 120), [(80.3, 60.7, 60)])
    frame = picture_of(rgb, kind, space)
    expected = FrameConverter(None, 1)(frame).astype(int)
    picture = PictureConverter(1)(frame)
    ours, _ = whole_rgb(picture, 160)
    assert np.abs(ours.astype(int) - expected).mean() < 2.5
    clip = crop_yuv(picture, (80, 60, 120), 120)
    back = clip.reformat(format="rgb24", src_colorspace=Colorspace.ITU709).to_ndarray().astype(int)
    assert np.abs(back - expected[:, 20:140]).mean() < 3


def middle(plane, step, first):
    """Centre of mass of what differs from the corner, in luma samples."""
    weight = np.abs(plane.astype(float) - plane[0, 0])
    weight[weight < 3] = 0
    places = np.arange(len(plane)) * step
    return np.array([weight.sum(0) @ (places + first[0]), weight.sum(1) @ (places + first[1])]) / weight.sum()


@pytest.mark.parametrize("side", [64, 96, 200])
def test_a_crop_moves_by_what_it_is_moved(side):
    """By fractions of a pixel, in luma and in chroma, which lies beside every second luma column."""
    rgb = np.full((240, 320, 3), 70, np.uint8)
    rgb[100:141, 140:181] = (200, 60, 40)
    picture = PictureConverter(1)(picture_of(rgb, "yuv444p"))
    for x in np.arange(150, 152, 0.3):
        frame = crop_yuv(picture, (x, 118.0, 140.0), side)
        expected = (np.array([160.5 - x, 120.5 - 118]) + 70) * side / 140
        y, u, _ = (np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[:, : p.width] for p in frame.planes)
        assert np.abs(middle(y, 1, (0.5, 0.5)) - expected).max() < 0.1
        assert np.abs(middle(u, 2, (0.5, 1.0)) - expected).max() < 0.2


def test_beyond_the_picture_its_edge_goes_on():
    rgb = np.full((60, 80, 3), 90, np.uint8)
    rgb[:, :4] = 200
    picture = PictureConverter(1)(picture_of(rgb))
    out = crop_rgb(picture, (0, 30, 40), 40)
    assert np.abs(out[:, :20].astype(int) - 200).max() <= 4
    assert outside_share(picture, (0, 30, 40)) == pytest.approx(0.5)
    assert outside_share(picture, (40, 30, 40)) == 0


def test_huge_pictures_are_kept_small():
    frame = av.VideoFrame(8192, 4096, "yuv420p")
    picture = PictureConverter(1)(frame)
    assert picture.frame.width * picture.frame.height <= 4096 * 2304
    assert picture.size == (8192, 4096)


def test_a_clip_goes_on_beyond_the_edge_as_in_a_dim_mirror():
    rgb = np.full((200, 160, 3), 100, np.uint8)
    rgb[192:196] = 200
    rgb[140:144, ::2] = 220
    picture = PictureConverter(1)(picture_of(rgb))
    luma = np.frombuffer(crop_yuv(picture, (80.0, 160.0, 160.0), 160).planes[0], np.uint8).reshape(160, -1)[
        :, :160
    ]
    plain, near, far = int(luma[20, 80]), luma[119:130], luma[130:]
    assert near.max() > plain + 20, "what is close to the edge is seen again beyond it"
    assert np.abs(far.astype(int) - plain).max() < 30, "what is farther is only a tint"
    assert np.ptp(far.astype(int), axis=1).max() < 12, "nor are there stripes"


def test_every_side_and_corner_is_mirrored_and_the_inside_is_left_alone():
    rgb = np.random.default_rng(0).integers(60, 200, (90, 90, 3), np.uint8)
    picture = PictureConverter(1)(picture_of(rgb, "yuv444p"))
    inside, wide = (
        np.frombuffer(crop_yuv(picture, (45.0, 45.0, float(side)), side).planes[0], np.uint8).reshape(
            side, -1
        )
        for side in (90, 128)
    )
    inside, wide = inside[:, :90].astype(int), wide[:, :128].astype(int)
    assert np.array_equal(wide[19:109, 19:109], inside)
    assert np.array_equal(wide[18, 19:109], inside[1]), "the first line beyond is the second within"
    assert np.array_equal(wide[19:109, 109], inside[:, 88])
    assert np.abs(wide[:8, :8] - inside.mean()).max() < 60


def mirrored(at, length):
    turn = max(2 * (length - 1), 1)
    at %= turn
    return min(at, turn - at)


def mirror_in_words(plane, left, top, right, bottom):
    """Sample by sample, as mirror.py says it."""
    inside = plane[top:bottom, left:right].astype(int)
    (high, wide), out = inside.shape, plane.copy()
    for row in range(len(plane)):
        for column in range(plane.shape[1]):
            off_y = max(top - row, row - bottom + 1, 0)
            off_x = max(left - column, column - right + 1, 0)
            if off_x or off_y:
                reach = int(SOFT * max(off_x, off_y))
                y, x = mirrored(row - top, high), mirrored(column - left, wide)
                part = inside[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
                out[row, column] = (part.sum() + part.size // 2) // part.size
    return out


@pytest.mark.parametrize(
    "inside",
    [(0, 3, 20, 24), (0, 0, 20, 17), (0, 2, 20, 20), (5, 0, 20, 24), (0, 0, 11, 24), (2, 0, 18, 24), (3, 4, 16, 19),
     (0, 18, 20, 24), (17, 0, 20, 24)],
)  # fmt: skip
def test_whatever_side_is_beyond_each_sample_is_the_mean_about_its_mirrored_place(inside):
    plane = np.random.default_rng(1).integers(0, 255, (24, 20), np.uint8)
    expected = mirror_in_words(plane, *inside)
    mirror(plane, *inside)
    assert np.array_equal(plane, expected)


def test_a_square_that_lies_beside_the_picture_is_answered():
    picture = PictureConverter(1)(picture_of(np.full((40, 60, 3), 120, np.uint8)))
    for middle_of in ((-200.0, 20.0), (30.0, 300.0), (-19.9, 20.0)):
        luma = np.frombuffer(crop_yuv(picture, (*middle_of, 40.0), 32).planes[0], np.uint8)
        assert np.ptp(luma.reshape(32, -1)[:, :32].astype(int)) <= 2
