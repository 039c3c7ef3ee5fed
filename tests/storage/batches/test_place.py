"""Windows by their numbers: all of them, each once, and another one of the same clip that is always the same."""

import numpy as np
import pyarrow as pa
import pytest

from storage.batches.place import Place, Places, WindowIds


def test_numbers_count_the_windows_clip_by_clip_and_short_clips_have_none():
    places = Places(np.array([30, 10, 25, 61]), frames=25, stride=12)
    assert list(places.windows_N) == [1, 0, 1, 4]
    assert [(p.clip, p.first) for p in places] == [(0, 0), (2, 0), (3, 0), (3, 12), (3, 24), (3, 36)]
    ids = WindowIds(pa.array(["a", "b", "c", "d"]), places)
    assert list(ids) == ["a@0", "c@0", "d@0", "d@12", "d@24", "d@36"]
    assert places[np.int64(5)] == Place(3, 3, 36)
    for outside in (6, -1):
        with pytest.raises(IndexError, match="numbered 0 to 5"):
            places[outside]
    assert len(Places(np.array([], int), 25, 12)) == len(Places(np.array([24]), 25, 12)) == 0


def test_another_window_shares_no_frame_where_the_clip_is_long_enough():
    places = Places(np.array([200]), frames=25, stride=12)
    for place in places:
        drawn = {places.another(place, f"key {i}").first for i in range(200)}
        far = {other.first for other in places if abs(other.first - place.first) >= 25}
        assert drawn == far


def test_in_a_short_clip_it_is_the_farthest():
    places = Places(np.array([40, 25]), frames=25, stride=12)
    assert [places.another(place, "k").first for place in places] == [12, 0, 0]
    near = Places(np.array([48]), frames=25, stride=8)
    assert [near.another(place, "k").first for place in near] == [16, 16, 0]
