"""`redub review`: writes the page of masks to look at, and takes verdicts back."""

from flows.looking.mask_answers import read_text, take, write_page
from flows.looking.mask_cards import cards_of
from flows.terminal.console import console
from storage.ledger.catalog import existing_catalog


def export_page(catalog: str, out: str, everything: bool, limit: int) -> None:
    tables = existing_catalog(catalog)
    cards = cards_of(tables, everything, limit)
    if not cards:
        console.print(f"No masks wait for a look in {tables.root}; --all shows the others.", soft_wrap=True)
        return
    console.print(f"{len(cards)} clips: {write_page(tables, cards, out)}", soft_wrap=True)
    console.print(f"Then: redub review import review.csv --who NAME -c {catalog}", soft_wrap=True)


def import_verdicts(catalog: str, file: str, who: str) -> None:
    tables = existing_catalog(catalog)
    console.print(take(tables, read_text(tables, file), who), markup=False, soft_wrap=True)
