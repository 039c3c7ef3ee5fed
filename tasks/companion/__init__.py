"""Makes the other half of each pair: the same clip with other lips."""

from tasks.companion.config import CompanionConfig
from tasks.companion.stage import Companion

__all__ = ["Companion", "CompanionConfig"]
