"""What the tests of listings share: files and manifests to write, and short forms of what came of them."""

from pathlib import Path

from storage.store import Store

STORE = Store()


def put(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def manifest(folder, text, name="m.csv"):
    (folder / name).write_text(text)
    return str(folder / name)


def names(listing):
    return [Path(source.uri).name for source in listing.sources]


def kept(listing):
    return [(Path(s.uri).name, s.licence, s.consent, s.speaker) for s in listing.sources]


def codes(listing):
    """Sorted, and with repeats: several rows may be refused for one file."""
    return sorted((Path(source.uri).name, code) for source, code, _ in listing.rejected)


def reasons(listing):
    return [(Path(source.uri).name, code, reason) for source, code, reason in listing.rejected]
