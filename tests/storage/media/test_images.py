"""PNG and JPEG: what is written comes back, and what nobody vouches for is refused before it costs memory."""

import contextlib
import io
import struct
import tracemalloc
import warnings
import zlib

import av
import numpy as np
import pytest
from PIL import Image

from storage.media.container import MAX_PIXELS
from storage.media.images import decode_image, encode_jpeg, encode_png

NOISE = np.kron(np.random.default_rng(0).integers(0, 255, (8, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def test_pictures_come_back():
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:, :30], rgb[:, 30:] = (200, 40, 90), (20, 180, 60)
    for data, off in ((encode_png(rgb), 0), (encode_jpeg(rgb, 95), 4)):
        back = next(av.open(io.BytesIO(data)).decode(video=0)).to_ndarray(format="rgb24")
        assert np.abs(back.astype(int) - rgb).max(axis=2)[:, 5:25].max() <= off


def saved(array, kind, **how):
    buffer = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def test_what_other_programs_write_is_read():
    ramp_HW = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    grey_HWC = np.stack([ramp_HW] * 3, axis=2)
    alpha_HWC = np.dstack([grey_HWC, ramp_HW])
    for data, off in (
        (saved(ramp_HW, "PNG"), 0),
        (saved(ramp_HW.astype(np.uint16) * 256 + 7, "PNG"), 0),
        (saved(alpha_HWC, "PNG"), 0),
        (saved(Image.fromarray(grey_HWC).quantize(256), "PNG"), 4),
        (saved(ramp_HW, "JPEG", quality=98), 3),
        (saved(grey_HWC, "JPEG", quality=98, progressive=True), 3),
    ):
        rgb = decode_image(data)
        assert rgb.dtype == np.uint8
        assert rgb.shape == (16, 256, 3)
        assert np.abs(rgb.astype(int) - grey_HWC).max() <= off
        rgb[:] = 0  # one's own, to draw on


def test_pictures_come_back_as_libav_reads_them():
    tinted = NOISE[..., :1] // 2 + np.array([90, 40, 60], np.uint8)
    for quality in (85, 95):
        data = encode_jpeg(tinted, quality)
        other = next(av.open(io.BytesIO(data)).decode(video=0)).to_ndarray(format="rgb24")
        assert np.abs(decode_image(data).astype(int) - other).mean() < 2
    assert (decode_image(encode_png(NOISE)) == NOISE).all()
    assert encode_png(NOISE) == encode_png(NOISE.copy())
    assert encode_jpeg(NOISE) == encode_jpeg(NOISE.copy())


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP", "ICO"])
def test_only_png_and_jpeg_are_read(kind):
    with pytest.raises(ValueError, match="neither PNG nor JPEG"):
        decode_image(saved(NOISE, kind))


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"\xff\xd8", b"file:///etc/passwd"])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(ValueError, match="neither PNG nor JPEG"):
        decode_image(data)


# -- pictures that want memory -------------------------------------------------------------------------


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, *more, pixels=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *more, chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg(width, height):
    data = bytearray(saved(NOISE, "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def test_pillow_knows_our_limit():
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS


@pytest.mark.parametrize("size", [(8193, 8192), (9000, 12000), (65535, 65535)])
@pytest.mark.parametrize("kind", [png, jpeg])
def test_a_picture_that_says_it_is_too_large_takes_no_memory(kind, size):
    """Pillow alone warns of the first two, which become neither a warning nor an array."""
    data = kind(*size)
    tracemalloc.start()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match=f"larger than {MAX_PIXELS} pixels"):
            decode_image(data)
    assert told == []
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_what_unpacks_to_more_than_it_should_is_refused(name):
    data = png(4, 4, chunk(name, b"k\0\0" + zlib.compress(bytes(100_000_000))), pixels=bytes(52))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"can't be decoded .*too large"):
        decode_image(data)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_pixels_behind_the_picture_are_not_unpacked():
    data = png(4, 4, pixels=bytes(100_000_000))
    tracemalloc.start()
    assert decode_image(data).shape == (4, 4, 3)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


# -- damaged pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [encode_png(NOISE), encode_jpeg(NOISE)], ids=["png", "jpeg"])
def test_a_picture_cut_off_anywhere_is_refused(data):
    for end in range(0, len(data) - 2, 7):
        with pytest.raises(ValueError, match=r"can't be decoded|neither PNG nor JPEG"):
            decode_image(data[:end])


def test_a_png_with_one_wrong_bit_is_refused():
    data = encode_png(NOISE)
    for at in range(0, len(data) - 12, 5):  # the last 12 say that it ends there
        wrong = bytearray(data)
        wrong[at] ^= 1 << at % 8
        with pytest.raises(ValueError, match=r"can't be decoded|neither PNG nor JPEG"):
            decode_image(bytes(wrong))


def test_a_damaged_jpeg_is_a_picture_or_a_value_error():
    data, rng = encode_jpeg(NOISE), np.random.default_rng(1)
    for _ in range(300):
        wrong = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            wrong[at] = rng.integers(256)
        with contextlib.suppress(ValueError):
            assert decode_image(bytes(wrong)).shape[2] == 3
