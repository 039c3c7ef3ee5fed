"""The page of a try: one file that needs nothing else and sends nothing anywhere.

File names and answers of models come from outside, so all text is escaped, and the page's own policy lets no script run.
"""

import base64
import html
from collections.abc import Mapping, Sequence

from flows.looking.mask_page import data_uri
from flows.trying.limits import Score
from flows.trying.views import Picture, View

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


def page(
    title: str, lines: Sequence[str], stages: Sequence[tuple[str, str, str]], views: Sequence[View]
) -> str:
    """`lines` stand below the title; `stages` are name, what came out, and how long it took."""
    heading = html.escape(f"redub try: {title}")
    said = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in stages)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{heading}</title>'
        f'<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" '
        f'content="{POLICY}"><style>{STYLE}</style></head><body><header><h1>{heading}</h1>{said}</header><main>'
        f"{''.join(map(_article, views))}<section><h2>Stages</h2><table>{rows}</table></section></main></body></html>"
    )


def _article(view: View) -> str:
    body = [
        f'<article class="{html.escape(view.outcome)}"><h2>{html.escape(view.name)} <b>{view.outcome}</b></h2>',
        _why(view),
        f'<div class="media">{_films(view.films)}{_pictures(view.pictures)}</div>',
        _scores("Scores and limits", view.scores),
        _scores("The pair's scores and limits", view.pair_scores),
        f"<p class=why>The pair was rejected or not made. {html.escape(view.pair)}</p>" if view.pair else "",
        _facts(view.facts),
        "</article>",
    ]
    return "".join(body)


def _why(view: View) -> str:
    if not view.reason:
        return ""
    return f"<p class=why>{html.escape(view.reason)}</p><p class=step>Next: {html.escape(view.step)}.</p>"


def _films(films: Mapping[str, bytes]) -> str:
    return "".join(
        f'<figure class=wide><video controls loop playsinline preload=auto src="data:video/mp4;base64,'
        f'{base64.b64encode(film).decode()}"></video><figcaption>{html.escape(what)}</figcaption></figure>'
        for what, film in films.items()
    )


def _pictures(pictures: Sequence[Picture]) -> str:
    """Wide ones first; the small ones are stacked beside the tall one."""
    small = "".join(_picture(one) for one in pictures if not one.shape)
    others = {
        shape: "".join(_picture(one) for one in pictures if one.shape == shape) for shape in ("wide", "tall")
    }
    return others["wide"] + (f"<div>{small}</div>" if small else "") + others["tall"]


def _picture(one: Picture) -> str:
    return (
        f'<figure class="{one.shape}"><img alt="" src="{data_uri(one.jpeg)}">'
        f"<figcaption>{html.escape(one.what)}</figcaption></figure>"
    )


def _scores(title: str, scores: Sequence[Score]) -> str:
    if not scores:
        return ""
    rows = "".join(map(_score, scores))
    return f"<h3>{title}</h3><table><tr><th>score<th>value<th>limit<th>setting</tr>{rows}</table>"


def _score(score: Score) -> str:
    cells = (score.label, score.said, score.limits, ", ".join(score.settings))
    mark = "" if score.kept else " class=beyond"
    return f"<tr{mark}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(stage)}</td><td>{html.escape(text)}</td></tr>" for stage, text in facts.items()
    )
    return f"<h3>What each stage says</h3><table>{rows}</table>" if rows else ""


STYLE = """
body{margin:0;background:#181a1e;color:#dee2e8;font:14px/1.45 system-ui,sans-serif}
header,main{max-width:1100px;margin:0 auto;padding:16px}
h1{font-size:22px;margin:8px 0} h2{font-size:17px;margin:0 0 8px;overflow-wrap:anywhere} h3{font-size:14px;margin:16px 0 4px}
header p{color:#9aa2ae;margin:2px 0} article,section{background:#26292f;border-left:5px solid #9aa2ae;border-radius:6px;
padding:14px 16px;margin:0 0 16px} article.accepted{border-color:#4caf72} article.rejected{border-color:#e0685f}
article.quarantined,article.waits{
border-color:#d9a53b} h2 b{font-weight:600;font-size:13px;margin-left:8px;color:#9aa2ae}
.accepted h2 b{color:#6fd39a} .rejected h2 b{color:#ff8f86} .why{margin:2px 0;color:#ffb4ad} .step{margin:2px 0 10px}
.media{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:12px} .wide{grid-column:1/-1}
.media div figure{margin-bottom:12px}
.tall img{max-height:none}
figure{margin:0} img,video{width:100%;max-height:480px;object-fit:contain;background:#101114;display:block;border-radius:4px}
figcaption{color:#9aa2ae;font-size:12px;margin-top:3px} table{border-collapse:collapse;width:100%;font-size:13px}
td,th{text-align:left;padding:3px 14px 3px 0;border-bottom:1px solid #363a42;vertical-align:top;font-weight:400}
th,td:last-child{color:#9aa2ae} .beyond td{color:#ff8f86}
@media(max-width:700px){.media{grid-template-columns:1fr}}
"""
