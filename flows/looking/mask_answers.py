"""The csv in which people answer: written empty beside the page, and read back into the catalog."""

import csv
import io
from collections import Counter
from collections.abc import Sequence

import pyarrow.compute as pc

from flows.looking.mask_cards import nodes_of_newest
from flows.looking.mask_page import Card, page
from storage.ledger.catalog import Catalog
from storage.ledger.mask_verdicts import Line, ReviewError, give, reopened
from storage.ledger.table import Status

COLUMNS = ("item", "verdict", "note", "seen")
"""`seen` says which masks were looked at; a csv without it means the newest."""


def write_page(catalog: Catalog, cards: Sequence[Card], folder: str) -> str:
    """index.html and a review.csv to fill in, in a folder or under a prefix; where the page is."""
    fs, path = catalog.store.filesystem(folder)
    fs.makedirs(path, exist_ok=True)
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerows([COLUMNS, *((card.item, "", "", card.seen) for card in cards)])
    fs.pipe_file(f"{path}/review.csv", text.getvalue().encode())
    fs.pipe_file(f"{path}/index.html", page(f"{len(cards)} clips of {catalog.root}", cards).encode())
    return f"{folder.rstrip('/')}/index.html"


def take(catalog: Catalog, text: str, who: str) -> str:
    """Write the verdicts; what came of them, in words."""
    screen, masks = nodes_of_newest(catalog)
    given, as_before = give(catalog, masks, read_lines(text), who)
    table = catalog.table(screen)
    states = table.states(screen.fingerprint)
    again = reopened(catalog, screen, masks.fingerprint, states)
    redone = pc.sum(pc.equal(again["status"], str(Status.RETRY))).as_py() or 0
    elsewhere = sum(review.seen != masks.fingerprint for review in given)
    counts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(Counter(r.verdict for r in given).items()))
    words = [f"{len(given)} verdicts are new ({counts or 'none'}), {as_before} were there before."]
    if elsewhere:
        words.append(
            f"{elsewhere} are about masks that have been made anew since, and don't count for these."
        )
    words.append(
        f"The next rebuild answers {redone} clips at {screen.name} again, and computes what then goes on."
    )
    return " ".join(words)


def read_text(catalog: Catalog, uri: str) -> str:
    try:
        with catalog.store.open(uri) as file:
            return file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ReviewError(f"{uri} can't be read as a csv in UTF-8: {error}") from None


def read_lines(text: str) -> list[Line]:
    """The lines that have a verdict. Excel writes a mark at the start, and semicolons in some countries."""
    text = text.removeprefix("\ufeff")
    reader = csv.DictReader(io.StringIO(text, ""), delimiter=";" if ";" in text.split("\n")[0] else ",")
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise ReviewError(f"line {reader.line_num + 1} can't be read as csv: {error}") from None
    lacks = [name for name in COLUMNS[:2] if name not in (reader.fieldnames or ())]
    if lacks:
        raise ReviewError(f"line 1 must name the columns {', '.join(COLUMNS)}; there is no {lacks[0]!r}")
    lines = [Line(number, *((row.get(name) or "").strip() for name in COLUMNS)) for number, row in rows]
    return [line for line in lines if line.verdict]
