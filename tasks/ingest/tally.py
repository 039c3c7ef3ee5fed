"""Counts why spans of a source made no clip: a source that gives none is told the reason."""

from dataclasses import dataclass

from tasks.ingest.config import IngestConfig


@dataclass
class Tally:
    """Frames and spans, counted by what became of them."""

    frames: int = 0
    with_face: int = 0
    too_small: int = 0
    several: int = 0
    too_short: int = 0
    largest_px: float = 0.0
    longest: int = 0
    damage: str = ""
    """What of the picture could not be decoded, in words."""

    def reason(self, config: IngestConfig) -> tuple[str, str]:
        """Code and sentence for a source that gave no clip: where it is damaged, that may be why."""
        seconds = self.frames / config.fps
        if self.damage and not self.with_face and seconds < config.min_seconds:
            return "undecodable", f"only {seconds:.2f} s of its picture can be decoded: {self.damage}"
        code, why = self._reason(config)
        return (code, f"{why}; it is damaged: {self.damage}") if self.damage else (code, why)

    def _reason(self, config: IngestConfig) -> tuple[str, str]:
        if not self.with_face:
            return (
                "no_face",
                f"no face is seen in its {self.frames / config.fps:.1f} s; a speaker's face was expected",
            )
        if self.several and not self.too_short:
            seconds = self.several / config.fps
            return (
                "several_faces",
                f"several faces are visible at once for {seconds:.1f} s, which this recipe rejects",
            )
        if self.too_small:
            found = f"its largest face is {self.largest_px:.0f} pixels high"
            return "face_too_small", f"{found}, below min_face_px {config.min_face_px:g}"
        seconds = self.longest / config.fps
        least = f"min_seconds {config.min_seconds:g}"
        return "too_short", f"its longest span with one face is {seconds:.1f} s, below {least}"
