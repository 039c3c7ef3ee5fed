"""Takes of the procedural world as sources."""

import pytest

from storage.sources import SourceError, check_rights, list_sources
from storage.sources.takes import Take
from tests.storage.sources.listings import STORE


def test_takes_of_the_world_are_listed_by_number():
    listing = list_sources("world:people=2,takes=3,seed=5", STORE)
    assert [s.uri for s in listing.sources] == [f"world:5/{p}/{t}" for p in range(2) for t in range(3)]
    assert len({s.speaker for s in listing.sources}) == 2
    assert Take.parse(listing.sources[-1].uri) == Take(5, 1, 2)
    check_rights(listing)
    with pytest.raises(SourceError, match="people=NUMBER"):
        list_sources("world:persons=2", STORE)
