"""What the Prefect UI shows of a finished rebuild: the lineage graph and the manifest, as Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flows.run.driver import Rebuild
from storage.versions.anyway import sentence


def lineage_graph(run: Rebuild, manifest: Mapping[str, Any]) -> str:
    """Stages and how many items went along each edge, as Mermaid, which the UI draws.

    What a stage gave may go on to many others, of which one takes in only what the rest let through.
    """
    row = {one["stage"]: one for one in manifest["funnel"]}
    lines = [f"    sources[sources: {row['sources']['out']}]"]
    for node in run.nodes:
        mine = row[node.name]
        lines.append(f"    {node.name}[{node.name}: {mine['out']}<br/>{node.fingerprint[:8]}]")
        lines += [f"    {up} -->|{mine['in']}| {node.name}" for up in node.reads]
        lines += [f"    {read.stage} -.->|by {read.by}| {node.name}" for read in node.named]
    last = run.nodes[-1].name
    lines.append(f"    {last} -->|{manifest['rows']}| version([{manifest['version']}])")
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def manifest_page(manifest: Mapping[str, Any]) -> str:
    """All that the manifest says: the facts, what each stage was made with, and the models with their licences."""
    facts = {k: v for k, v in manifest.items() if not isinstance(v, (dict, list, tuple))}
    facts |= {name: _counts(manifest[name]) for name in ("splits", "licences", "consent")}
    warning = f"**{told}**\n\n" if (told := sentence(manifest)) else ""
    return "\n\n".join([
        f"# Dataset {manifest['version']}", warning + _table(("", ""), facts.items()),
        "## Models", _models(manifest.get("models", {}), manifest.get("non_commercial", ())),
        "## Settings", _table(("stage", "fingerprint", "settings"), _settings(manifest)),
    ])  # fmt: skip


def _models(models: Mapping[str, Mapping[str, Any]], closed: Sequence[str]) -> str:
    if not models:
        return "None had a hand in it."
    words = {True: "yes", False: "no", None: "unclear"}
    rows = [(one, told["licence"], words[told.get("commercial")]) for one, told in models.items()]
    note = f"\n\n**Not for commercial use, or unclear:** {', '.join(closed)}" if closed else ""
    return _table(("model", "licence", "commercial use"), rows) + note


def _settings(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    recipe = manifest.get("recipe", {})
    for stage, fingerprint in manifest["fingerprints"].items():
        settings = recipe.get(stage)
        told = ", ".join(f"{k}={v}" for k, v in settings.items()) if isinstance(settings, dict) else ""
        yield stage, fingerprint, told


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    """A line of plain text, in which nothing ends the cell or is taken for a tag."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
