"""The page on which people look at masks: one file that needs nothing else, and sends nothing anywhere.

File names and captions come from outside, so all text is escaped, and the page's own policy lets no other
script than this one run. What was decided leaves as a csv, which `redub review import` takes.
"""

import base64
import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass

from storage.ledger.mask_verdicts import Answer

PLAIN = str.maketrans("<>[]`*\\\r\n", "()()'+/  ")
"""What would be links or HTML in Markdown; Prefect's pages don't know how to escape these."""
SUMMED_UP = 12
"""Clips in the summary at most: it is kept in Prefect's database, pictures and all."""


@dataclass(frozen=True)
class Card:
    item: str
    seen: str
    name: str
    facts: tuple[str, ...]
    poster: bytes | None
    why: str = ""
    """Why it is held, or what became of it."""


def page(title: str, cards: Sequence[Card]) -> str:
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    heading = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{heading}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{STYLE}</style></head><body>'
        f"<header><h1>{heading}</h1><span id=count></span><button id=save>Download review.csv</button>"
        f"<p>Worst first. Click a verdict, or select a clip and press a (accept), r (reject) or d (redo). "
        f"Then: redub review import review.csv --who NAME</p></header>"
        f"<main>{''.join(map(_card, cards))}</main><script>{SCRIPT}</script></body></html>"
    )


def _card(card: Card) -> str:
    item, name = html.escape(card.item), html.escape(card.name)
    picture = f'<img alt="" src="{data_uri(card.poster)}">' if card.poster else "<p>no picture</p>"
    choices = "".join(
        f'<label><input type=radio name="{item}" value="{answer}">{answer}</label>' for answer in Answer
    )
    facts = "".join(f"<li>{html.escape(fact)}</li>" for fact in card.facts)
    return (
        f'<article tabindex=0 data-item="{item}" data-seen="{html.escape(card.seen)}">{picture}'
        f"<h2>{name}</h2><p class=why>{html.escape(card.why)}</p><ul>{facts}</ul><div>{choices}</div>"
        '<input class=note placeholder="note"></article>'
    )


def data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def summary(cards: Sequence[Card], where: str, catalog: str) -> str:
    """The same for Prefect's pages, which draw Markdown in a narrow column: the worst clips, and where the page is."""
    worst = "".join(
        (f"![]({data_uri(card.poster)})\n\n" if card.poster else "")
        + f"**{card.name.translate(PLAIN)}** {'; '.join(filter(None, (card.why, *card.facts))).translate(PLAIN)}\n\n"
        for card in cards[:SUMMED_UP]
    )
    more = f"... and {len(cards) - SUMMED_UP} more.\n" if len(cards) > SUMMED_UP else ""
    return (
        f"## {len(cards)} clips wait for a look at their masks\n\nOpen `{where}` (or write it with `redub review "
        f"export -c {catalog}`), judge, download review.csv, and give it to the form; `redub review import` takes "
        f"it as well.\n\n{worst}{more}"
    )


STYLE = """
body{margin:0;background:#181a1e;color:#dee2e8;font:14px system-ui,sans-serif}
header{position:sticky;top:0;background:#181a1e;padding:8px 16px;border-bottom:1px solid #444}
header>*{display:inline-block;margin:0 16px 0 0} header p{color:#9aa2ae} h1{font-size:18px}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:12px;padding:16px}
article{background:#26292f;border:2px solid #26292f;border-radius:6px;padding:8px;overflow-wrap:anywhere}
article:focus{outline:none;border-color:#8ab4f8} img{width:100%;display:block}
article[data-verdict=accept]{background:#1d3325} article[data-verdict=reject]{background:#3d2323}
article[data-verdict=redo]{background:#3a321c} h2{font-size:14px;margin:8px 0 4px}
ul{margin:0 0 6px;padding:0;list-style:none;color:#9aa2ae;font-size:12px} label{margin-right:12px}
.why{margin:0 0 6px}
.note{width:100%;box-sizing:border-box;margin-top:6px;background:#181a1e;color:inherit;border:1px solid #444}
"""

SCRIPT = """
const cards = [...document.querySelectorAll("article")], keys = {a: "accept", r: "reject", d: "redo"};
let saved = true;
function decide(card, verdict) {
  card.dataset.verdict = verdict;
  card.querySelector(`input[value=${verdict}]`).checked = true;
  saved = false;
  count();
}
function count() {
  const done = cards.filter(card => card.dataset.verdict).length;
  document.getElementById("count").textContent = `${done} of ${cards.length} decided`;
}
function field(text) { return `"${text.replaceAll('"', '""')}"`; }
function csv() {
  const rows = cards.filter(card => card.dataset.verdict).map(card => [card.dataset.item,
    card.dataset.verdict, card.querySelector(".note").value, card.dataset.seen].map(field).join(","));
  return ["item,verdict,note,seen", ...rows, ""].join("\\r\\n");
}
for (const [index, card] of cards.entries()) {
  card.addEventListener("change", event => {
    if (event.target.type === "radio") decide(card, event.target.value); else saved = false;
  });
  card.addEventListener("keydown", event => {
    if (event.target.className === "note" || event.ctrlKey || event.metaKey || !keys[event.key]) return;
    decide(card, keys[event.key]);
    cards[Math.min(index + 1, cards.length - 1)].focus();
  });
}
document.getElementById("save").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], {type: "text/csv"}));
  link.download = "review.csv";
  link.click();
  saved = true;
});
addEventListener("beforeunload", event => { if (!saved) event.preventDefault(); });
count();
"""
