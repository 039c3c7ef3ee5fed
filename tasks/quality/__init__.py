"""The stage `quality`: scores of a clip's picture, face and sound, from which the verdict is made."""

from tasks.quality.rows import QualityInput, QualityRow
from tasks.quality.stage import Quality, QualityConfig

__all__ = ["Quality", "QualityConfig", "QualityInput", "QualityRow"]
