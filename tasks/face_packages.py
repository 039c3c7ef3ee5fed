"""Says which packages beyond the default install a face back-end needs, for every stage that may use it."""

MEDIAPIPE = "uv sync --extra mediapipe; on Debian also apt-get install libegl1 libgles2 libgl1"


def packages_of(kind: str) -> dict[str, str]:
    """Package -> how to get it."""
    return {"mediapipe": MEDIAPIPE} if kind == "mediapipe" else {}
