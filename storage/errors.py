"""The error of storage: something that a person must mend."""


class StorageError(RuntimeError):
    """Says what is wrong with a catalog, and what to do about it: a full disk, a table of another shape."""
