"""Looking: sheets and mosaics show what they are given, and the rows of any stage find their pictures."""

import io

import av
import numpy as np
import pytest

from flows.looking.rows import blobs, rows_to_show
from flows.looking.stage_sheet import stage_sheet
from storage.drawing.cards import PAD, caption_lines
from storage.drawing.contact_sheet import contact_sheet, stacked, stills
from storage.drawing.lettering import text_width
from storage.drawing.mosaic import mosaic
from storage.errors import StorageError
from storage.ledger.catalog import Catalog
from storage.ledger.fingerprint import Computation
from storage.ledger.node import Node
from storage.ledger.table import ledger_row
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.encode import encode_video
from storage.media.images import encode_jpeg
from storage.sources import Listing
from tasks.ingest import ClipRow
from tasks.probe import ProbeRow
from tasks.quality import QualityRow
from tasks.speakers import SpeakerRow
from tasks.verdict import VerdictRow
from tests.media_files import source_of

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (40, 60, 210)}


def plain(colour, side=48):
    return np.full((side, side, 3), colour, np.uint8)


def clip(colour, frames=10, sound=None):
    return encode_video(None, [plain(colour)] * frames, 25, sound, crf=1)


def png(data):
    return next(av.open(io.BytesIO(data)).decode(video=0)).to_ndarray(format="rgb24")


def frames_of(mp4):
    with open_media(io.BytesIO(mp4)) as media:
        return list(decode_video(media))


def area(picture, colour, tolerance=14):
    return int((np.abs(picture.astype(int) - colour).max(axis=2) < tolerance).sum())


# -- sheets and mosaics --------------------------------------------------------------------------------


def test_a_contact_sheet_holds_every_picture_and_caption():
    red = np.full((32, 48, 3), (200, 30, 30), np.uint8)
    sheet = contact_sheet([(encode_jpeg(red), text) for text in ("one", "", "3")], columns=2)
    image = next(av.open(io.BytesIO(sheet)).decode(video=0)).to_ndarray(format="rgb24")
    reds = (np.abs(image.astype(int) - (200, 30, 30)).max(axis=2) < 12).sum()
    assert reds == pytest.approx(3 * 32 * 48, rel=0.02)
    ink = (image.min(axis=2) > 200).sum()
    assert ink > 50


def test_small_pictures_are_enlarged_and_missing_ones_leave_a_card():
    red = encode_jpeg(plain(COLOURS["red"]), 95)
    assert area(png(contact_sheet([(red, "a"), (None, "b")])), COLOURS["red"]) == pytest.approx(
        48**2, rel=0.03
    )
    large = png(contact_sheet([(red, "a"), (None, "b")], min_width=100))
    assert area(large, COLOURS["red"]) == pytest.approx((3 * 48) ** 2, rel=0.03)
    assert large.shape[1] > 2 * 144
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])


def test_captions_are_wrapped_and_cut_off():
    assert texts("one\ntwo", 200) == ["one", "two"]
    lines = texts("name\n" + "score 0.5, " * 30, 120)
    assert len(lines) == 4
    assert lines[0] == "name"
    assert lines[3].endswith("..")
    assert max(map(text_width, lines)) <= 120 - 2 * PAD
    assert texts("", 120) == [""]
    for wide in (
        "\u4f60\u597d" * 400,
        "\u05e9\u05dc\u05d5\u05dd " * 200,
        "\U0001f3ac\u200d" * 300,
        "x" * 100_000,
    ):
        assert len(texts(wide, 200)) == 4
        assert max(map(text_width, texts(wide, 200))) <= 200 - 2 * PAD


def texts(caption, width):
    return [line.text for line in caption_lines(caption, width)]


def test_a_name_is_brighter_than_the_facts():
    name, *facts = caption_lines("a name\na fact\nanother", 200)
    assert min(name.ink) > max(max(fact.ink) for fact in facts)
    long = caption_lines("name " * 8 + "\nfact", 200)
    assert [line.ink == name.ink for line in long] == [True] * (len(long) - 1) + [False]


def test_stacked_pictures_are_about_as_wide_as_each_other():
    small, large = encode_jpeg(plain(COLOURS["red"], 32), 95), encode_jpeg(plain(COLOURS["blue"], 80), 95)
    with av.open(io.BytesIO(stacked([small, large]))) as image:
        rgb = next(image.decode(video=0)).to_ndarray(format="rgb24")
    assert rgb.shape == (64 + 80, 80, 3)
    assert area(rgb[:64], COLOURS["red"], 30) == pytest.approx(64 * 64, rel=0.1)
    assert area(rgb[64:], COLOURS["blue"], 30) == pytest.approx(80 * 80, rel=0.1)


def test_a_mosaic_plays_every_clip_in_a_loop():
    halves = [plain(COLOURS["green"])] * 5 + [plain(COLOURS["blue"])] * 5
    changing = encode_video(None, halves, 25, crf=1)
    made = mosaic([(clip(COLOURS["red"]), "a"), (changing, "b")], columns=2, side=64, seconds=1.2)
    frames = frames_of(made)
    assert len(frames) == 30
    for k in (2, 7, 12, 17, 22, 27):
        assert area(frames[k], COLOURS["red"], 30) > 0.8 * 64**2
        assert area(frames[k], COLOURS["blue" if k // 5 % 2 else "green"], 30) > 0.8 * 64**2


def test_a_mosaic_keeps_shapes_and_the_sound_of_one():
    tone = (0.5 * np.sin(np.arange(16000) / 5)).astype(np.float32)
    wide = encode_video(None, [np.full((32, 64, 3), COLOURS["red"], np.uint8)] * 25, 25, tone, crf=1)
    made = mosaic([(clip(COLOURS["blue"]), "a"), (wide, "b")], side=64, seconds=2.0, heard=1)
    assert area(frames_of(made)[3], COLOURS["red"], 30) == pytest.approx(64 * 32, rel=0.1)
    with open_media(io.BytesIO(made)) as media:
        sound = decode_audio(media)
    assert sound.seconds == pytest.approx(2.0, abs=0.1)
    assert np.sqrt((sound.samples[24000:30000] ** 2).mean()) == pytest.approx(0.35, abs=0.05)
    with open_media(io.BytesIO(mosaic([(wide, "b")], seconds=0.2))) as media:
        assert media.audio is None


def test_stills_are_three_moments():
    moments = [plain(c) for c in COLOURS.values() for _ in range(50)]
    with av.open(io.BytesIO(stills(io.BytesIO(encode_video(None, moments, 25, crf=1))))) as image:
        rgb = next(image.decode(video=0)).to_ndarray(format="rgb24")
    assert rgb.shape == (48, 144, 3)
    assert [area(rgb, c, 30) > 2000 for c in COLOURS.values()] == [True] * 3


# -- the rows of a stage -------------------------------------------------------------------------------

OUTPUTS = {
    "probe": (ProbeRow, ("sources",)),
    "ingest": (ClipRow, ("probe",)),
    "quality": (QualityRow, ("ingest",)),
    "verdict": (VerdictRow, ("quality", "ingest")),
    "speakers": (SpeakerRow, ("verdict", "ingest")),
}


@pytest.fixture
def catalog(tmp_path):
    """Three sources: red and green are clips of two people, blue is refused by ingest. Green is rejected."""
    made = Catalog(str(tmp_path / "catalog"))
    nodes = {n: Node(n, out, Computation(n, 1, {}, {}, ()), reads) for n, (out, reads) in OUTPUTS.items()}
    made.record(list(nodes.values()))
    run = {"recipe": "", "profile": "", "sources": "", "flow_run": "", "git_commit": "", "message": ""}
    made.log_run(run="r1", event="started", fingerprints=[n.fingerprint for n in nodes.values()], **run)
    rows = {name: [] for name in nodes}
    for name, colour in COLOURS.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(clip(colour))
        made.add_sources(Listing([source_of(path)], []), "r1")
        source = source_of(path).id
        rows["probe"].append(ledger_row(nodes["probe"], f"p-{name}", "r1", parent_id=source))
        _add_clip(nodes, rows, name, colour)
    for name, node in nodes.items():
        made.table(node).append(rows[name])
    return made


def _add_clip(nodes, rows, name, colour):
    if name == "blue":
        why = {"code": "no_face", "reason": "no face is seen", "status": "rejected"}
        rows["ingest"].append(ledger_row(nodes["ingest"], "p-blue", "r1", **why))
        return
    pictures = {"poster": encode_jpeg(plain(colour), 95), "video": clip(colour)}
    values = {"uri": f"/videos/{name}.mp4", "start_s": 2.5, "named_speaker": name} | pictures
    item = f"c-{name}"
    rows["ingest"].append(ledger_row(nodes["ingest"], item, "r1", parent_id=f"p-{name}", values=values))
    rows["quality"].append(
        ledger_row(nodes["quality"], item, "r1", values={"sharpness": 500.0, "yaw_max": 7.0})
    )
    values = {"speaker": name, "split": "train"}
    rows["speakers"].append(ledger_row(nodes["speakers"], item, "r1", values=values))
    verdict = {}
    if name == "green":
        verdict = {"status": "rejected", "code": "frozen", "reason": "nothing moves"}
    rows["verdict"].append(ledger_row(nodes["verdict"], item, "r1", **verdict))


def test_a_stage_without_pictures_shows_those_of_the_clip(catalog, tmp_path):
    written = stage_sheet(catalog, "quality", tmp_path / "s.png", tmp_path / "s.mp4", columns=["yaw_max"])
    assert (written.shown, written.mosaic) == (2, tmp_path / "s.mp4")
    sheet = png((tmp_path / "s.png").read_bytes())
    frame = frames_of((tmp_path / "s.mp4").read_bytes())[5]
    for picture in (sheet, frame):
        assert area(picture, COLOURS["red"], 30) > 2000
        assert area(picture, COLOURS["green"], 30) > 2000
        assert area(picture, COLOURS["blue"], 30) == 0


def test_pictures_and_values_of_stages_before_are_put_beside_its_own(catalog, tmp_path):
    shown = {"pictures": ["ingest", "ingest"], "columns": ["split", "ingest.start_s"]}
    written = stage_sheet(catalog, "speakers", tmp_path / "s.png", None, **shown)
    assert written.mosaic is None
    assert area(png((tmp_path / "s.png").read_bytes()), COLOURS["red"], 30) > 2 * 48**2
    for wrong, why in (
        ({"pictures": ["verdict"]}, "no pictures of 'verdict' to show; there are of ingest"),
        ({"pictures": ["facemask"]}, "did not come through 'facemask'; they did through speakers"),
        ({"columns": ["quality.sharpness"]}, "did not come through 'quality'"),
        ({"columns": ["ingest.start"]}, "ingest has no column 'start'"),
        ({"columns": ["ingets.start"]}, "no stage 'ingets'"),
    ):
        with pytest.raises(StorageError, match=why):
            stage_sheet(catalog, "speakers", tmp_path / "s.png", None, **wrong)


def test_only_the_rejected_are_shown_with_their_reason(catalog):
    (item,) = rows_to_show(catalog, "verdict", "rejected", 10)
    assert (item.name, item.row["code"], item.row["reason"]) == ("green.mp4 2.5s", "frozen", "nothing moves")
    assert blobs(catalog, [item], ["video"]) == [clip(COLOURS["green"])]
    (kept,) = rows_to_show(catalog, "verdict", "ok", 10)
    assert kept.name == "red.mp4 2.5s"


def test_a_source_that_became_no_clip_is_shown_from_its_file(catalog, tmp_path):
    written = stage_sheet(catalog, "ingest", tmp_path / "s.png", tmp_path / "s.mp4", only="rejected")
    assert written.mosaic is None
    assert not (tmp_path / "s.mp4").exists()
    assert area(png((tmp_path / "s.png").read_bytes()), COLOURS["blue"], 30) > 2000
    (tmp_path / "blue.mp4").unlink()
    stage_sheet(catalog, "ingest", tmp_path / "s.png", tmp_path / "s.mp4", only="rejected")
    assert area(png((tmp_path / "s.png").read_bytes()), COLOURS["blue"], 30) == 0


def test_the_choice_takes_people_in_turn(catalog):
    node = Node("ingest", ClipRow, Computation("ingest", 1, {}, {}, ()), ("probe",))
    many = [
        ledger_row(node, f"a-{k}", "r1", parent_id=f"q-{k}", values={"named_speaker": "red", "uri": "/x.mp4"})
        for k in range(20)
    ]
    catalog.table(node).append(many)
    people = [item.fact(["named_speaker"]) for item in rows_to_show(catalog, "ingest", "ok", 4)]
    assert sorted(people) == ["green", "red", "red", "red"]


def test_what_cannot_be_shown_is_explained(catalog, tmp_path):
    paths = tmp_path / "s.png", tmp_path / "s.mp4"
    with pytest.raises(StorageError, match=r"no stage 'qualty'; there are: .*quality"):
        stage_sheet(catalog, "qualty", *paths)
    with pytest.raises(StorageError, match=r"nothing rejected to show .* it has 2 ok"):
        stage_sheet(catalog, "quality", *paths, only="rejected")
    with pytest.raises(StorageError, match="ok, rejected, quarantined"):
        stage_sheet(catalog, "quality", *paths, only="good")
    with pytest.raises(StorageError, match=r"no column 'yaw'; it has: .*yaw_max"):
        stage_sheet(catalog, "quality", *paths, columns=["yaw"])
    with pytest.raises(StorageError, match="no row at all"):
        stage_sheet(catalog, "render", *paths)


def test_pictures_that_are_wider_than_anybody_s_screen_are_shrunk():
    three = np.concatenate([plain(COLOURS[name], 512) for name in COLOURS], axis=1)
    png = contact_sheet([(encode_jpeg(three, 95), "three frames of 512 pixels")])
    with av.open(io.BytesIO(png)) as file:
        (frame,) = file.decode(video=0)
    assert 512 <= frame.width < 600
    assert frame.height < 300
