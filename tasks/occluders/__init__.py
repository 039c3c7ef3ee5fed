"""The stage `occluders`: what is before a face, as masks of what was named there, or as signs that something is."""

from tasks.occluders.config import OccludersConfig
from tasks.occluders.rows import Covered, OccludersInput, OccludersRow
from tasks.occluders.stage import Occluders

__all__ = ["Covered", "Occluders", "OccludersConfig", "OccludersInput", "OccludersRow"]
