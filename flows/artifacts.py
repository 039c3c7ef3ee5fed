"""What the Prefect UI shows of a finished rebuild: the lineage graph and the manifest, as Markdown."""

from typing import Any

from flows.run.driver import Rebuild
from storage.versions.anyway import sentence


def lineage_graph(run: Rebuild, manifest: dict[str, Any] | Any) -> str:
    """Stages and how many rows went along each edge, as Mermaid, which the UI draws."""
    out = {row["stage"]: row["out"] for row in manifest["funnel"]}
    lines = [f"    sources[sources: {out['sources']}]"]
    for node in run.nodes:
        lines.append(f"    {node.name}[{node.name}: {out[node.name]}<br/>{node.fingerprint[:8]}]")
        lines += [f"    {up} -->|{out[up]}| {node.name}" for up in node.reads]
        lines += [f"    {read.stage} -.->|by {read.by}| {node.name}" for read in node.named]
    last = run.nodes[-1].name
    lines.append(f"    {last} -->|{manifest['rows']}| version([{manifest['version']}])")
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def manifest_page(manifest: dict[str, Any] | Any) -> str:
    plain = {k: v for k, v in manifest.items() if not isinstance(v, (dict, list))}
    rows = "\n".join(f"| {k} | {v} |" for k, v in plain.items())
    groups = "\n".join(
        f"| {g} | " + ", ".join(f"{k}: {v}" for k, v in manifest[g].items()) + " |"
        for g in ("splits", "licences", "consent", "fingerprints")
    )
    warning = f"**{told}**\n\n" if (told := sentence(manifest)) else ""
    return f"# Dataset {manifest['version']}\n\n{warning}| | |\n|---|---|\n{rows}\n{groups}\n"
