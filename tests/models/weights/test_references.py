"""What a reference may look like, what it resolves to, and when its digest changes."""

import os

import pytest

from models.weights import digests, references
from models.weights.about import is_free
from models.weights.digests import digest
from models.weights.known import find, known
from models.weights.licences import licences, not_commercial
from models.weights.published import PUBLISHED
from models.weights.references import ModelError, parse, resolve, without_digest

HEX = "0" * 64


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    """A model as `save_pretrained` leaves it."""
    made = tmp_path / "net"
    (made / "tokenizer").mkdir(parents=True)
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "tokenizer" / "vocab.txt").write_text("a b")
    return made


@pytest.mark.parametrize(
    ("reference", "repository", "revision", "part"),
    [
        ("hf://org/name@main", "org/name", "main", ""),
        ("hf://org/na.me-2@v1.0/vae/", "org/na.me-2", "v1.0", "vae"),
        (f"hf://org/name@abc/a/b.onnx#sha256={HEX}", "org/name", "abc", "a/b.onnx"),
    ],
)
def test_the_parts_of_a_hub_reference(reference, repository, revision, part):
    remote = parse(reference)
    assert (remote.repository, remote.revision, remote.part) == (repository, revision, part)


@pytest.mark.parametrize(
    ("reference", "registry", "package", "part"),
    [
        (f"pypi:na.me-2==1.0.post1#sha256={HEX}:a/b.onnx", "pypi", "na.me-2==1.0.post1", "a/b.onnx"),
        (f"npm:net@1.0.0-rc.1#sha256={HEX}:b.onnx", "npm", "net@1.0.0-rc.1", "b.onnx"),
        (f"npm:@org/net@0.4.16#sha256={HEX.upper()}:a b/c.data", "npm", "@org/net@0.4.16", "a b/c.data"),
    ],
)
def test_the_parts_of_a_package_reference(reference, registry, package, part):
    remote = parse(reference)
    assert (remote.registry, remote.package, remote.part, remote.sha256) == (registry, package, part, HEX)
    assert HEX not in without_digest(reference)
    assert without_digest(reference).endswith(f":{part}")


def test_two_references_never_share_a_place():
    said = [
        f"pypi:n==1#sha256={HEX}:n",
        f"npm:n@1#sha256={HEX}:n",
        "hf://o/n@a",
        "hf://o/n@b",
        "hf://o/n@a/x",
        "hf://o/n@a/x/y",
        f"https://h/n#sha256={HEX}",
    ]
    assert len({parse(one).folder for one in said}) == len(said)


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("hf://org/name", "ORG/NAME@REVISION"),
        ("hf://name@main", "ORG/NAME@REVISION"),
        ("hf://org/name@main/../../etc", "ORG/NAME@REVISION"),
        ("https://host/file.onnx", "needs a file's name and its #sha256="),
        (f"https://host/#sha256={HEX}", "needs a file's name"),
        ("s3://bucket/file.onnx", "needs a file's name and its #sha256="),
        (f"s3://bucket/net.onnx#sha256={HEX}", f"redub models pull 's3://bucket/net.onnx#sha256={HEX}'"),
        ("https://host/file.onnx#sha256=12ab", "64 hexadecimal digits"),
        ("https://host/file.onnx#md5=" + "0" * 32, "64 hexadecimal digits"),
        ("pypi:net==1.0", "no one file of one version of a package by its digest.*pypi:NAME==VERSION"),
        (f"pypi:net#sha256={HEX}:a.onnx", "no one file of one version"),
        (f"pypi:net>=1#sha256={HEX}:a.onnx", "no one file of one version"),
        (f"pypi:--target==1#sha256={HEX}:a.onnx", "no one file of one version"),
        (f"npm:net@https://host/x#sha256={HEX}:a.onnx", "no one file of one version"),
        (f"npm:net@latest#sha256={HEX}:a.onnx", "no one file of one version"),
        (f"pypi:net==1.0#sha256={HEX}", "no one file of one version"),
        (f"pypi:net==1.0#sha256={HEX}:../a.onnx", r"../a.onnx is no path inside an archive"),
        (f"pypi:net==1.0#sha256={HEX}:a/../../b.onnx", "is no path inside an archive"),
        (f"pypi:net==1.0#sha256={HEX}:/etc/passwd", "is no path inside an archive"),
        (f"npm:net@1.0.0#sha256={HEX}:a/", "is no path inside an archive"),
        (f"pypi:net==1.0#sha256={HEX}:a.onnx", f"redub models pull 'pypi:net==1.0#sha256={HEX}:a.onnx'"),
        ("mini:nobody", "there are: .*face"),
        ("mini:../weights/face", "there is no mini model"),
        ("nothing/here", "no weights at nothing/here.*redub models list"),
        (
            "own:flame/flame.npz",
            "cache/own/flame/flame.npz: sign the licence at https://flame",
        ),
        ("hf://org/name@main", "redub models pull 'hf://org/name@main'"),
    ],
)
def test_what_cannot_be_resolved_is_refused_with_the_next_step(reference, why):
    with pytest.raises(ModelError, match=why):
        resolve(reference)


def test_a_folder_s_digest_minds_names_and_contents_and_nothing_else(folder, tmp_path):
    first = digest(str(folder))
    (folder / "about.json").write_text('{"measured": 1}')
    (folder / "README.md").write_text("words")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x.json").write_text("{}")
    os.utime(folder / "config.json", ns=(1, 1))
    assert digest(str(folder)) == first
    folder.rename(tmp_path / "elsewhere")
    assert digest(str(tmp_path / "elsewhere")) == first
    (tmp_path / "elsewhere" / "tokenizer" / "vocab.txt").rename(tmp_path / "elsewhere" / "vocab.txt")
    moved = digest(str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere" / "vocab.txt").write_text("a c")
    assert len({first, moved, digest(str(tmp_path / "elsewhere"))}) == 3


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="is empty"):
        digest(str(tmp_path))


def test_large_files_are_hashed_once_and_anew_when_they_change(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "LARGE", 4)
    read, real = [], digests._read_digest
    monkeypatch.setattr(digests, "_read_digest", lambda path: read.append(path) or real(path))
    path = tmp_path / "big.onnx"
    path.write_bytes(b"12345678")
    first = digest(str(path))
    digests._file_digest.cache_clear()  # as in the next process
    assert digest(str(path)) == first
    assert len(read) == 1
    path.write_bytes(b"12345679")
    assert digest(str(path)) != first


def test_a_folder_among_the_mini_weights_is_a_mini_model(folder, monkeypatch):
    (folder.parent / "one.onnx").write_bytes(b"x")
    (folder.parent / "notes").mkdir()
    monkeypatch.setattr(references, "MINI", folder.parent)
    assert resolve("mini:net") == folder
    assert resolve("mini:one").name == "one.onnx"
    with pytest.raises(ModelError, match=r"there are: net, one$"):
        resolve("mini:notes")


def test_the_catalogue_is_pinned_and_says_what_each_licence_allows():
    for one in PUBLISHED:
        remote = parse(one.reference)
        pinned = remote is None or remote.sha256 or len(remote.revision) == 40
        assert pinned or (one.name == "xdub" and "not pinned" in one.note), one.name
        assert one.licence
        assert one.purpose
    assert len({one.name for one in PUBLISHED}) == len(PUBLISHED)
    assert find("flame").commercial is False
    assert all(one.commercial for one in known() if one.name.startswith("mini:"))


def test_a_manifest_hears_of_every_model_that_may_not_be_sold(folder):
    arcface, syncnet = find("arcface").reference, find("syncnet").reference
    facts = licences([arcface, syncnet, "mini:face", str(folder)])
    learnt = facts["mini:face"].pop("trained_on")
    assert "procedural world" in learnt
    assert facts["mini:face"] == {"licence": "Apache-2.0", "commercial": True}
    said = not_commercial(facts)
    assert f"{arcface} (insightface non-commercial)" in said
    assert f"{syncnet} (MIT (code), unclear)" in said
    assert f"{folder} (unknown, unclear)" in said
    assert len(said) == 3
    (folder / "about.json").write_text('{"licence": "CC0-1.0"}')
    assert len(not_commercial(licences([str(folder)]))) == 0


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("Apache-2.0", True), ("Apache-2.0 AND CC0-1.0", True), ("Apache-2.0 AND CC-BY-NC-4.0", False),
        ("", False), ("apache", False),
    ],
)  # fmt: skip
def test_licences_that_hold_together_are_free_where_each_is(licence, free):
    assert is_free(licence) == free
