"""Says where somebody speaks, by silero-vad's network (ONNX, MIT): a probability for every 32 ms of 16 kHz sound.

    VoiceActivity(reference).probabilities(sound)

The network hears one piece after another and remembers, so a sound is heard from its beginning. S counts pieces.
"""

import numpy as np

from models.audio.windows import RATE
from models.weights.onnxfile import session
from models.weights.references import ModelError

PIECE, BEFORE, MEMORY = 512, 64, (2, 1, 128)
"""Samples of a piece, samples before it that the network hears again, and the shape of what it remembers."""
PIECE_S = PIECE / RATE
SPEAKS = 0.5
"""From which probability on somebody speaks, as its authors advise."""


class VoiceActivity:
    """Hears with one session, on one thread."""

    def __init__(self, reference: str):
        self._session, path = session(reference)
        inputs = {one.name: one.type for one in self._session.get_inputs()}
        if not {"input", "state"} <= set(inputs) <= {"input", "state", "sr"}:
            raise ModelError(
                f"{path} is not silero-vad of version 5 or 6: it takes {', '.join(sorted(inputs))} where "
                "input, state and sr belong; pull `silero-vad` again"
            )
        self._rate = {"sr": np.array(RATE, np.int64)} if "sr" in inputs else {}
        self._path = path

    def probabilities(self, sound: np.ndarray) -> np.ndarray:
        """Returns for each 32 ms of 16 kHz mono how likely somebody speaks (S,); the last piece is filled with silence."""
        assert sound.ndim == 1, f"mono is one row of samples, not {sound.shape}"
        if not np.isfinite(sound).all():
            raise ValueError(
                f"{(~np.isfinite(sound)).sum()} of {len(sound)} samples of the sound are not finite"
            )
        pieces = -(-len(sound) // PIECE)
        padded = np.pad(sound.astype(np.float32), (BEFORE, pieces * PIECE - len(sound)))
        state, likely_S = np.zeros(MEMORY, np.float32), np.empty(pieces, np.float32)
        for piece in range(pieces):
            heard = padded[None, piece * PIECE : (piece + 1) * PIECE + BEFORE]
            likely_S[piece], state = self._hear(heard, state)
        return likely_S

    def speech_share(self, sound: np.ndarray) -> float:
        """Returns the share of the time in which somebody speaks."""
        likely_S = self.probabilities(sound)
        return float((likely_S >= SPEAKS).mean()) if len(likely_S) else 0.0

    def _hear(self, heard_1N: np.ndarray, state: np.ndarray) -> tuple[float, np.ndarray]:
        given = {"input": heard_1N, "state": state} | self._rate
        try:
            likely_11, state = self._session.run(None, given)
        except Exception as error:  # its own error classes are built in C++ and share no base but this
            raise ModelError(f"{self._path} cannot hear 32 ms of 16 kHz sound: {error}") from error
        return float(likely_11[0, 0]), state
