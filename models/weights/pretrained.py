"""Loads models of the transformers library whole, or not at all.

The library leaves tensors random that a checkpoint lacks, and says so in a warning: that must not reach a rebuild.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from models.weights.references import ModelError

_PARTIAL = (
    "{path} holds no whole {kind}: {count} of its tensors are missing or of another shape ({names}), and would be "
    "left random; give a folder that {kind}.save_pretrained wrote, or the hub's repository of such a model"
)


def load(kind: Any, path: Path, dtype: torch.dtype = torch.float32) -> Any:
    """Loads a model for use, from this disk only; `kind` is one of the library's classes."""
    try:
        with quietly():
            model, report = kind.from_pretrained(
                path, output_loading_info=True, dtype=dtype, local_files_only=True
            )
    except (
        Exception
    ) as error:  # what the library raises has no common base, and all of it means the same here
        raise _refusal(kind, path, error) from error
    lacking = sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})
    if lacking:
        names = ", ".join(lacking[:3])
        raise ModelError(_PARTIAL.format(path=path, kind=kind.__name__, count=len(lacking), names=names))
    return model.eval().requires_grad_(False)


def load_processor(kind: Any, path: Path) -> Any:
    """Loads what brings pictures or sound into the form that the model beside it was trained on."""
    try:
        return kind.from_pretrained(path, local_files_only=True)
    except Exception as error:
        raise _refusal(kind, path, error) from error


@contextmanager
def quietly() -> Iterator[None]:
    """Hides the progress bars that the library draws for every load and save: workers' logs are for people."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _refusal(kind: Any, path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path} holds no {kind.__name__} that can be loaded: {error}; pull or copy it again")
