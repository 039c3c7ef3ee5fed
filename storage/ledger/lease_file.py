"""A small file on an object store that changes only for who knows what is in it: by conditional puts.

Of two that write at once, S3 itself lets one through (`If-None-Match`, `If-Match`), and the age of what is there goes by
the server's clock alone. For other stores fsspec has no such puts: there it is written, and looked at a moment later.
"""

import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from storage.store import Store

REFUSED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
SETTLED_S = 1.0
"""So long after a write that isn't conditional, whoever wrote at the same time has been seen."""


@dataclass(frozen=True)
class Seen:
    text: str
    mark: str
    """Of this content: a change is made for who names it."""
    age_s: float


class LeaseFile(Protocol):
    def look(self) -> Seen | None: ...

    def write(self, text: str, over: str | None) -> str | None:
        """The mark of what is written now; None: what is there is not what `over` says, or not nothing."""

    def remove(self, mark: str) -> None: ...


def lease_file(store: Store, uri: str) -> LeaseFile:
    fs, path = store.filesystem(uri)
    return OnS3(fs, path) if uri.startswith(("s3://", "s3a://")) else Elsewhere(fs, path)


class OnS3:
    def __init__(self, fs: Any, path: str) -> None:
        bucket, _, key = path.partition("/")
        self._fs, self._path, self._at = fs, path, {"Bucket": bucket, "Key": key}

    def look(self) -> Seen | None:
        """The mark first: text that is newer than its mark can only make a write be refused."""
        try:
            head = self._fs.call_s3("head_object", **self._at)
            text = self._fs.cat_file(self._path).decode()
        except FileNotFoundError:
            return None
        said = head.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        now = parsedate_to_datetime(said).timestamp() if said else time.time()
        return Seen(text, head["ETag"], now - head["LastModified"].timestamp())

    def write(self, text: str, over: str | None) -> str | None:
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": over}
        try:
            return self._fs.call_s3("put_object", Body=text.encode(), **self._at, **condition)["ETag"]
        except FileNotFoundError:
            return None
        except OSError as error:
            if _code(error) in REFUSED:
                return None
            raise

    def remove(self, mark: str) -> None:
        try:
            self._fs.call_s3("delete_object", IfMatch=mark, **self._at)
        except OSError as error:
            if _code(error) not in REFUSED and not isinstance(error, FileNotFoundError):
                raise


class Elsewhere:
    def __init__(self, fs: Any, path: str) -> None:
        self._fs, self._path = fs, path

    def look(self) -> Seen | None:
        try:
            text = self._fs.cat_file(self._path).decode()
        except FileNotFoundError:
            return None
        return Seen(text, text, time.time() - json.loads(text)["renewed"])

    def write(self, text: str, over: str | None) -> str | None:
        """Of two that write at once the later one's text stays, and the other gives way."""
        seen = self.look()
        if (seen.mark if seen else None) != over:
            return None
        self._fs.pipe_file(self._path, text.encode())
        if over is None:
            time.sleep(SETTLED_S)
            seen = self.look()
            return text if seen and seen.text == text else None
        return text

    def remove(self, mark: str) -> None:
        if (seen := self.look()) and seen.mark == mark:
            self._fs.rm_file(self._path)


def _code(error: OSError) -> str:
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
