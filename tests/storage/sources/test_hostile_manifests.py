"""A manifest may name anything: what is no file here or in an object store is refused, and nobody is contacted."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.sources import SourceError, list_sources
from storage.store import Store

STORE = Store()
SIZED = "uri,licence,consent,size,mtime_ns\n"


@pytest.fixture
def visited() -> Iterator[socket.socket]:
    """A port of this machine that nobody may knock at."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.2)
        yield door
        with pytest.raises(TimeoutError):
            door.accept()


def written(folder: Path, text: str, name: str = "m.csv") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("sizes", ["", ",5,5"], ids=["looked-up", "believed"])
@pytest.mark.parametrize(
    "address",
    [
        "http://{door}/a.mp4",
        "simplecache::http://{door}/a.mp4",
        "ftp://{door}/a.mp4",
        "s3://b/a.zip::http://{door}/a.mp4",
        "filecache::file:///etc/passwd",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "github://a:b@c/d.mp4",
        "zip://a.mp4::/tmp/a.zip",
        "HTTP://{door}/a.mp4",
    ],
)
def test_other_schemes_are_refused_with_their_name_and_nothing_is_contacted(
    address: str, sizes: str, tmp_path: Path, visited: socket.socket
) -> None:
    address = address.format(door=f"127.0.0.1:{visited.getsockname()[1]}")
    rows = f"{address},CC0,signed{sizes or ',,'}\n"
    listing = list_sources(written(tmp_path, SIZED + rows), STORE)
    assert not listing.sources
    ((_, code, reason),) = listing.rejected
    assert code == "bad_address"
    assert f"{address.partition('://')[0]}:// is not read" in reason


def test_such_an_address_as_a_companion_is_refused_too(tmp_path: Path, visited: socket.socket) -> None:
    (tmp_path / "a.mp4").write_bytes(b"a")
    row = f"a.mp4,http://127.0.0.1:{visited.getsockname()[1]}/b.mp4,CC0,signed\n"
    listing = list_sources(written(tmp_path, "uri,companion,licence,consent\n" + row), STORE)
    assert [(code, reason) for _, code, reason in listing.rejected if "http:// is not read" in reason]
    assert not listing.sources


@pytest.mark.parametrize("sizes", [None, 5], ids=["looked-up", "believed"])
def test_a_name_with_a_nul_is_refused(sizes: int | None, tmp_path: Path) -> None:
    table = pa.table(
        {"uri": ["a\0b.mp4"], "licence": ["CC0"], "consent": ["yes"], "size": [sizes], "mtime_ns": [sizes]}
    )
    pq.write_table(table, tmp_path / "m.parquet")
    ((_, code, reason),) = list_sources(str(tmp_path / "m.parquet"), STORE).rejected
    assert (code, reason) == ("bad_address", "the name holds a NUL, which no file's name can")


def test_a_folder_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    ((_, code, reason),) = list_sources(written(tmp_path, "uri\nvideos\n"), STORE).rejected
    assert (code, reason.partition(":")[0]) == ("not_regular", "a folder")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read as a manifest: Empty CSV file"),
        ("uri,uri\na,b\n", "column 'uri' is there twice"),
        ("uri,size\na,many\n", "cannot be read as a manifest: .*invalid value 'many'"),
        ("uri,licence\na,b,c\n", "cannot be read as a manifest: .*Expected 2 columns, got 3"),
    ],
)
def test_a_file_that_is_no_manifest_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=said):
        list_sources(written(tmp_path, text), STORE)


def test_a_folder_with_a_manifests_name_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "m.csv").mkdir()
    with pytest.raises(SourceError, match=r"m.csv cannot be read as a manifest: Is a directory"):
        list_sources(str(tmp_path / "m.csv"), STORE)


@pytest.mark.parametrize("spec", ["", "  "])
def test_an_empty_source_is_no_folder(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"a")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="--source is empty: give a folder"):
        list_sources(spec, STORE)


def test_a_source_of_another_scheme_is_refused(visited: socket.socket) -> None:
    with pytest.raises(
        SourceError, match="http:// is not read: give a path, or an address in an object store"
    ):
        list_sources(f"http://127.0.0.1:{visited.getsockname()[1]}/a.mp4", STORE)


def test_colons_in_a_files_name_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "zip::a.mp4").write_bytes(b"a")
    (source,) = list_sources(str(tmp_path), STORE).sources
    with STORE.open(source.uri) as file:
        assert file.read() == b"a"


def test_links_out_of_the_folder_are_refused_unless_they_are_named(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside / "sub", outside):
        folder.mkdir(parents=True)
    (outside / "other.mp4").write_bytes(b"other")
    (inside / "sub" / "own.mp4").write_bytes(b"own")
    for name, to in {
        "folder": outside,
        "file.mp4": outside / "other.mp4",
        "near.mp4": inside / "sub" / "own.mp4",
    }.items():
        (inside / name).symlink_to(to)
    listing = list_sources(str(inside), STORE, compare=False)
    assert [Path(source.uri).name for source in listing.sources] == ["near.mp4", "own.mp4"]
    assert {Path(source.uri).name: code for source, code, _ in listing.rejected} == {
        "folder": "link_outside", "file.mp4": "link_outside",
    }  # fmt: skip
    assert all(f"leads out of the folder, to {outside}" in reason for _, _, reason in listing.rejected)
    (inside / "manifest.csv").write_text("uri\nfile.mp4\n")
    named = list_sources(str(inside), STORE, compare=False)
    assert "file.mp4" in [Path(source.uri).name for source in named.sources]
    assert [Path(source.uri).name for source, _, _ in named.rejected] == ["folder"]


def test_a_folder_that_is_itself_a_link_is_listed(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"a")
    (tmp_path / "link").symlink_to(tmp_path / "videos")
    assert len(list_sources(str(tmp_path / "link"), STORE).sources) == 1
