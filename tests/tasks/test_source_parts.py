"""Parts of a long source: as many as its length asks for, and fewer where its middle can't be entered."""

from tasks.source_parts import parts_of


def test_what_is_longer_but_cannot_be_entered_in_the_middle_has_longerparts_of():
    found = {"container": "mpegts", "duration_s": 7200.0}
    assert len(parts_of("ab", found, 600.0)) == 2
    assert len(parts_of("ab", found | {"container": "mov"}, 600.0)) == 12
    assert [part["id"] for part in parts_of("ab", found | {"duration_s": 600.0}, 600.0)] == ["ab"]
