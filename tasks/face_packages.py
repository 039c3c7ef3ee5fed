"""Says which packages beyond the default install a face back-end needs, for every stage that may use it."""

MEDIAPIPE = "uv sync --extra real; on Debian also apt-get install libegl1 libgles2 libgl1"

LITERT = "uv sync --extra real"


def packages_of(kind: str) -> dict[str, str]:
    """Package -> how to get it."""
    needed = {"mediapipe": {"mediapipe": MEDIAPIPE}, "mesh": {"ai_edge_litert": LITERT}}
    return needed.get(kind, {})
