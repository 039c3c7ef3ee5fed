"""Fits a morphable head to a face, frame by frame. Which back-end does it, and its weights, is the recipe's choice."""

from typing import TYPE_CHECKING, Literal

from models.faces import NO_MEDIAPIPE
from models.weights.references import ModelError

if TYPE_CHECKING:
    from models.heads.fit import HeadFit

Kind = Literal["mini", "mesh", "mediapipe", "smirk"]


def load_head(kind: Kind, reference: str, mesh: str = "") -> "HeadFit":
    """Loads a head back-end, and imports only what that kind needs. `mesh` is FLAME, for smirk; mesh needs no file."""
    if kind == "mini":
        from models.heads.mini import MiniHead

        return MiniHead(reference)
    if kind == "mesh":
        from models.heads.mesh import MeshHead

        return MeshHead()
    if kind == "mediapipe":
        try:
            from models.heads.mediapipe import MediaPipeHead

            return MediaPipeHead(reference)
        except (ImportError, OSError) as error:
            raise ModelError(NO_MEDIAPIPE.format(error=error)) from error
    if kind == "smirk":
        from models.heads.smirk import SmirkHead

        return SmirkHead(reference, mesh)
    raise ModelError(f"there is no head back-end {kind!r}: take mini, mesh, mediapipe or smirk")
