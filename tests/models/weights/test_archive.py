"""Taking one file out of archives that lie, swell, link, or end too soon. Nothing half-written is ever left."""

import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.weights import archive
from models.weights.archive import DamagedArchiveError, take
from models.weights.checks import check_pickle
from models.weights.references import ModelError
from tests.models.weights.registry import OTHER, WEIGHTS, tgz, wheel

Packer = Callable[[dict[str, bytes]], Path]


@pytest.fixture(params=["wheel", "npm"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Packer:
    def pack(files: dict[str, bytes]) -> Path:
        name = "net-1.0-py3-none-any.whl" if request.param == "wheel" else "net-1.0.0.tgz"
        (tmp_path / name).write_bytes(wheel(files=files) if request.param == "wheel" else tgz(files))
        return tmp_path / name

    return pack


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "net.onnx"


def refused(path: Path, inside: str, target: Path) -> str:
    with pytest.raises(ModelError) as error:
        take(path, inside, target)
    assert list(target.parent.iterdir()) == []
    return str(error.value)


def test_the_file_alone_is_written(packed: Packer, target: Path, tmp_path: Path) -> None:
    path = packed({"../../evil": b"x", "/evil": b"x", "a/net.onnx": OTHER, "b/net.onnx": WEIGHTS})
    take(path, "b/net.onnx", target)
    assert target.read_bytes() == WEIGHTS
    assert sorted(one for one in tmp_path.rglob("*") if one.is_file()) == sorted([path, target])
    assert not (tmp_path.parent / "evil").exists()


def test_what_is_not_in_it_is_answered_with_what_is_near(packed: Packer, target: Path) -> None:
    path = packed({"a/net.onnx": OTHER, "a/large.bin": WEIGHTS})
    assert "holds no net.onnx; near it are a/net.onnx" in refused(path, "net.onnx", target)
    assert "near it are a/net.onnx" in refused(path, "a/net.onyx", target)
    assert "its largest files are a/large.bin, a/net.onnx" in refused(path, "something", target)
    assert "holds no a" in refused(path, "a", target)


def test_a_file_that_swells_as_no_weights_do_is_not_unpacked(
    packed: Packer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed({"zeros.bin": bytes(4 << 20), "net.onnx": OTHER})
    take(path, "zeros.bin", target)  # little enough to harm nobody
    target.unlink()
    monkeypatch.setattr(archive, "HARMLESS", 1 << 20)
    assert "as no weights do but a zip bomb does" in refused(path, "zeros.bin", target)


def test_a_bomb_before_the_file_is_not_read_through(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = target.parents[1] / "net.tgz"
    path.write_bytes(tgz({"zeros.bin": bytes(4 << 20), "net.onnx": OTHER}))
    monkeypatch.setattr(archive, "HARMLESS", 1 << 20)
    assert "zip bomb" in refused(path, "net.onnx", target)


def test_a_size_that_is_a_lie_is_found_out(target: Path) -> None:
    path = target.parents[1] / "net.whl"
    whole = bytearray(wheel(files={"zeros.bin": bytes(1 << 20)}))
    at = whole.index(b"PK\x01\x02") + 24  # where the list of contents says how large the first file will be
    assert struct.unpack_from("<I", whole, at)[0] == 1 << 20
    struct.pack_into("<I", whole, at, 1000)
    path.write_bytes(whole)
    assert "damaged" in refused(path, "zeros.bin", target)


def test_a_link_is_refused(target: Path) -> None:
    path = target.parents[1] / "net.whl"
    with zipfile.ZipFile(path, "w") as made:
        entry = zipfile.ZipInfo("net.onnx")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(entry, "/etc/passwd")
    assert "is a link or a device, which is never followed" in refused(path, "net.onnx", target)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_link_or_a_device_of_a_tar_is_refused(target: Path, kind: bytes) -> None:
    path = target.parents[1] / "net.tgz"
    with tarfile.open(path, "w:gz") as made:
        member = tarfile.TarInfo("package/net.onnx")
        member.type, member.linkname = kind, "/etc/passwd"
        made.addfile(member, io.BytesIO())
    assert "is a link or a device, which is never followed" in refused(path, "net.onnx", target)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.99])
def test_an_archive_that_ends_too_soon_is_refused(packed: Packer, target: Path, part: float) -> None:
    path = packed({"net.onnx": WEIGHTS})
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(DamagedArchiveError, match="damaged or no archive at all"):
        take(path, "net.onnx", target)
    assert not target.exists()


def test_a_page_in_place_of_an_archive_is_refused(packed: Packer, target: Path) -> None:
    path = packed({"net.onnx": WEIGHTS})
    path.write_bytes(b"<html>Log in</html>")
    assert "damaged or no archive at all" in refused(path, "net.onnx", target)


def test_a_flipped_bit_is_found_out(packed: Packer, target: Path) -> None:
    path = packed({"net.onnx": WEIGHTS})
    bad = bytearray(path.read_bytes())
    bad[len(bad) // 2] ^= 1
    path.write_bytes(bad)
    try:
        take(path, "net.onnx", target)  # a tar may be whole with it: then the digest of the file tells
    except DamagedArchiveError:
        assert not target.exists()
    else:
        assert path.suffix == ".tgz"
        assert target.read_bytes() != WEIGHTS


def test_a_model_of_ctranslate2_is_no_pickle_whatever_its_name(tmp_path: Path) -> None:
    model, disguised = tmp_path / "model.bin", tmp_path / "other.bin"
    model.write_bytes(struct.pack("<IH", 6, 12) + b"WhisperSpec\0" + bytes(100))
    check_pickle(model)
    torch.save(io.BytesIO, disguised)
    with pytest.raises(ModelError, match="holds more than tensors"):
        check_pickle(disguised)
