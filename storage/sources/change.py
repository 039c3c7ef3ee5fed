"""Tells whether a file is still the one that was listed; stages ask before they read it."""

from storage.store import Store


def change_since(store: Store, uri: str, size: int, mtime_ns: int) -> str:
    """What is different about a file since it was listed; '' when nothing is.

    Some file systems report times as floats, so a microsecond is no difference; 0 means unknown.
    """
    size_now, mtime_now = store.stat(uri)
    if size_now != size:
        return f"{size} bytes when it was listed, {size_now} now"
    return "it was written again" if mtime_ns and abs(mtime_now - mtime_ns) > 1000 else ""
