"""Finds faces, their landmarks and whose they are. Which back-end does it, and its weights, is the recipe's choice."""

from typing import Literal

from models.faces.face import Embedder, FaceBackend
from models.weights.references import ModelError, resolve

Kind = Literal["mini", "mesh", "mediapipe", "yunet"]

NO_MEDIAPIPE = (
    "the face back-end `mediapipe` cannot start here ({error}): install the extra `redub[mediapipe]` "
    "(`uv sync --extra mediapipe`) and, on Debian, `apt-get install libegl1 libgles2 libgl1`; or use `mesh`"
)


def load_face(kind: Kind, reference: str) -> FaceBackend:
    """Loads a face back-end, and imports only what that kind needs: MediaPipe is not part of the default install."""
    if kind == "mini":
        from models.faces.mini import MiniFaces

        return MiniFaces(reference)
    if kind == "yunet":
        from models.faces.yunet import YuNetFaces

        return YuNetFaces(reference)
    if kind == "mesh":
        from models.faces.mesh import MeshFaces

        return MeshFaces(reference)
    if kind == "mediapipe":
        try:
            from models.faces.mediapipe import MediaPipeFaces

            return MediaPipeFaces(reference)
        except (ImportError, OSError) as error:
            raise ModelError(NO_MEDIAPIPE.format(error=error)) from error
    raise ModelError(f"there is no face back-end {kind!r}: take mini, mesh, mediapipe or yunet")


def load_identity(reference: str) -> Embedder | None:
    """Loads what tells people apart: dlib's file (.dat), or an ArcFace-like one (ONNX).

    None for an empty reference, as a recipe may do without.
    """
    if not reference:
        return None
    if resolve(reference).suffix == ".dat":
        from models.faces.dlib_identity import DlibEmbedder

        return DlibEmbedder(reference)
    from models.faces.identity import ArcFaceEmbedder

    return ArcFaceEmbedder(reference)
