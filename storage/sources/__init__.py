"""Sources: the videos that somebody gave us, listed from a spec, with the rights that come with them.

    from storage.sources import check_rights, list_sources

`spec` lists them. By kind of spec: `folders`, `buckets`, `manifest`, `takes` (of the procedural world). What makes
a refusal: `rights`, `header`, `repeated_rows`, `equal_content`. Each file's docstring says what it decides.
"""

from storage.sources.change import change_since
from storage.sources.listing import Listing, Source, SourceError, make_source
from storage.sources.rights import check_rights
from storage.sources.spec import check_spec, list_sources

__all__ = [
    "Listing",
    "Source",
    "SourceError",
    "change_since",
    "check_rights",
    "check_spec",
    "list_sources",
    "make_source",
]
