"""`redub try`: one file through every stage, with a sentence for whatever goes wrong and a page that needs nothing else."""

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from flows.command.trying import default_folder
from flows.demo.corpus import SHORT, make_corpus
from flows.recipe_weights import references_of
from flows.recipes import RECIPES
from flows.terminal.half_blocks import half_blocks
from flows.trying.advice import STEPS
from flows.trying.attempt import PAGE
from flows.trying.inline import run_job
from infra.engine.jobs import Done, Failed, Job, SetupError, Work
from infra.resources import Needs
from models.weights.errors import ModelError
from models.weights.references import resolve
from storage.media.container import open_media
from storage.media.decode import decode_audio, decode_video
from storage.media.images import decode_image, encode_jpeg
from tasks.verdict import Verdict
from tests.media_files import DATA, grey_video, needs_data

WORLD = ("--recipe", "world")
CLIPS = ("--set", "companion=off", "--set", "hearing=off")
Command = Callable[..., str]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of one person of the world."""
    folder = make_corpus(tmp_path_factory.mktemp("try") / "videos", people=1, takes=1, broken=0, **SHORT)
    return next(path for path in folder.iterdir() if path.suffix == ".mp4")


@pytest.fixture
def here(tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return run_command


def media(text: str, kind: str) -> list[bytes]:
    return [base64.b64decode(one) for one in re.findall(rf'"data:{kind};base64,([^"]+)"', text)]


def test_one_file_comes_out_with_a_page_that_shows_and_plays_it(here: Command, take: Path) -> None:
    said = here("try", take, *WORLD)
    assert re.search(r"^ingest +1 clip of 1\.\d s, the face \d+ px  ", said, re.M), said
    assert re.search(r"^verdict +1 accepted", said, re.M)
    assert re.search(r"^    face +\d+ px   at least 24 px$", said, re.M)
    assert "1 of 1 clip accepted, from the file." in said
    page = Path(said.splitlines()[-1])
    assert page == default_folder(str(take)) / PAGE
    text = page.read_text()
    assert not re.search(r"<script|https?://|src=\"(?!data:)", text)
    assert len(media(text, "image/jpeg")) == 4
    assert all(decode_image(jpeg).std() > 10 for jpeg in media(text, "image/jpeg"))
    films = media(text, "video/mp4")
    assert len(films) == 2  # what was found, and the pair
    for film in films:
        with open_media(io.BytesIO(film)) as opened:
            assert len(list(decode_video(opened))) > 25
        with open_media(io.BytesIO(film)) as opened:
            assert np.abs(decode_audio(opened).samples).max() > 0.01


def test_another_limit_computes_nothing_again_and_says_why_and_what_to_do(here: Command, take: Path) -> None:
    assert "done before" not in here("try", take, *WORLD, *CLIPS)
    said = here("try", take, *WORLD, *CLIPS, "--set", "verdict.min_sharpness=100000", check=False)
    assert re.search(r"^ingest .*  done before$", said, re.M), said
    assert re.search(r"x .*: sharpness: sharpness \d+ is below 100000", " ".join(said.split()))
    assert "next: give footage that is in focus" in said
    assert re.search(r"^  x sharpness +\d+   at least 100000$", said, re.M), said
    assert "0 of 1 clip accepted" in said
    text = Path(said.splitlines()[-1]).read_text()
    assert '<article class="rejected">' in text
    assert "is below 100000" in text


def test_for_programs_there_is_json_and_nothing_else_on_standard_output(here: Command, take: Path) -> None:
    answer, _ = json.JSONDecoder().raw_decode(here("try", take, *WORLD, *CLIPS, "--json"))
    assert answer["accepted"] == 1
    (item,) = answer["items"]
    assert (item["outcome"], item["reason"]) == ("accepted", "")
    scores = {one["name"]: one for one in item["scores"]}
    assert scores["sharpness"]["value"] > scores["sharpness"]["least"] == 20
    assert "facemask" in [stage["stage"] for stage in answer["stages"]]
    assert Path(answer["page"]).is_file()


def test_a_clip_that_a_person_must_look_at_waits_and_is_not_lost(here: Command, take: Path) -> None:
    said = here("try", take, *WORLD, *CLIPS, "--set", "screen.policy=all")
    assert re.search(r"^screen +1 waits  ", said, re.M), said
    assert re.search(r"! .*: awaiting_review: all masks are looked at", " ".join(said.split()))
    assert "next: look at it on the page" in said
    assert "0 of 1 clip accepted, 1 to be looked at by a person, from" in " ".join(said.split())
    assert '<article class="waits">' in Path(said.splitlines()[-1]).read_text()


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video at all " * 100)
    (folder / "link.mp4").symlink_to(folder / "nowhere.mp4")
    grey_video(folder / "grey.mp4", range(0, 3000, 40))
    (folder / "cut.mp4").write_bytes((folder / "grey.mp4").read_bytes()[:1500])
    return folder


def test_bad_files_get_a_sentence_each(here: Command, bad: Path) -> None:
    said = here("try", bad, *WORLD, "--first", "9", "--anyway", "to see what it says", check=False)
    assert "Traceback" not in said
    flat = " ".join(said.split())
    for name, reason in {
        "empty.mp4": "empty: the file has no content",
        "text.mp4": "not_media: ",
        "cut.mp4": "broken: ",
        "link.mp4": "broken_link: a link to",
        "grey.mp4": "no_face: no face is seen in its 3.0 s",
    }.items():
        assert re.search(rf" x {name}: {reason}(?:(?! x ).)*next: ", flat), (name, said)
    assert "No clip came of 5 files." in said
    assert "to see what it says" in Path(said.splitlines()[-1]).read_text()
    assert all(len(line) <= 80 for line in said.splitlines() if "/" not in line), said


def test_of_a_long_file_the_first_seconds_are_looked_at(here: Command, bad: Path) -> None:
    said = here("try", bad / "grey.mp4", *WORLD, "--seconds", "1", "--anyway", "grey", check=False)
    assert "no face is seen in its 1.0 s" in " ".join(said.split())
    assert "1 part of 3" in said


def test_of_a_folder_the_first_few_are_taken(here: Command, bad: Path) -> None:
    said = here("try", bad, *WORLD, "--first", "1", "--anyway", "bad", check=False)
    assert re.search(r"^files +1 of 5 \(--first takes more\)$", said, re.M)


def test_weights_that_are_not_here_are_named_with_the_command_that_gets_them(
    here: Command, take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path / "none"))
    said = here("try", take, "-r", "real", "--set", "ingest.crf=20", check=False)
    assert re.search(r"needs \d models that are not here \(face-finder", said)
    assert "`redub models pull --recipe real --set ingest.crf=20`" in said
    assert not Path("redub-data").exists()


def test_a_page_of_somebody_else_s_is_not_written_over(here: Command, take: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / PAGE).write_text("mine")
    assert "no try has written it" in here("try", take, *WORLD, "--out", tmp_path / "site", check=False)
    assert (tmp_path / "site" / PAGE).read_text() == "mine"


def test_a_path_that_is_not_there_is_told_at_once(here: Command) -> None:
    assert "nothing at /nowhere.mp4" in here("try", "/nowhere.mp4", check=False)


@needs_data
def test_a_real_person_comes_through_the_recipe_of_real_people(here: Command) -> None:
    try:
        for reference in references_of(RECIPES["real"]):
            resolve(reference)
    except ModelError as error:
        pytest.skip(str(error))
    said = here("try", DATA / "clips" / "bbaf2n.mpg", "--set", "hearing=off")
    assert re.search(r"^verdict +1 accepted", said, re.M), said
    assert len(media(Path(said.splitlines()[-1]).read_text(), "image/jpeg")) >= 2


# -- the pieces -------------------------------------------------------------------------------------------


def test_every_rejection_of_the_verdict_has_a_next_step() -> None:
    text = Path(Verdict.__call__.__code__.co_filename).read_text()
    codes = set(re.findall(r'(?:yield \(?\s*|_below\(|_above\()"(\w+)"', text))
    assert {"sharpness", "near_silence", "out_of_sync", "frozen"} <= codes
    assert codes <= set(STEPS)


class Queue:
    """A feed of three numbers."""

    def __init__(self) -> None:
        self.left = [Work(str(number), number) for number in range(3)]

    def take(self, n: int) -> list[Work]:
        taken, self.left = self.left[:n], self.left[n:]
        return taken

    def waiting(self) -> int:
        return len(self.left)

    def closed(self) -> bool:
        return not self.left


def job(make_worker: Callable[[], Any], got: list[Any]) -> Job:
    return Job("inverse", Needs(), make_worker, Queue(), got.extend)


def test_what_raises_is_set_aside_and_the_rest_goes_on() -> None:
    got: list[Any] = []
    told: list[tuple[str, int, int]] = []

    def invert(works: list[Work]) -> list[tuple[str, Any]]:
        return [(work.id, 1 / work.payload) for work in works]

    count = run_job(job(lambda: invert, got), lambda *news: told.append(news), lambda work: work.id != "2")
    assert count == 2
    failed, done = got
    assert isinstance(failed, Failed)
    assert failed.reason == "ZeroDivisionError: division by zero"
    assert "1 / work.payload" in failed.detail
    assert isinstance(done, Done)
    assert done.result == 1.0
    assert told[-1] == ("inverse", 1, 2)


def test_a_stage_that_cannot_be_loaded_says_which_it_is() -> None:
    def fails() -> Any:
        raise ImportError("no module named numbers")

    with pytest.raises(
        SetupError, match="stage inverse can't start here: ImportError: no module named numbers"
    ):
        run_job(job(fails, []), lambda *_: None, lambda _: True)


def test_two_pixels_are_one_character() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32], picture[32:] = (255, 0, 0), (0, 0, 255)
    drawn = half_blocks(encode_jpeg(picture, 95), 2)
    assert drawn.plain == "\N{UPPER HALF BLOCK}" * 2
    style = drawn.get_style_at_offset(Console(), 0)
    assert min(style.color.triplet.red, style.bgcolor.triplet.blue) > 240
