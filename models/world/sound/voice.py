"""Turns the movement of speech into sound.

A source (pulses of the glottis, or breath) through a filter (the tract, with the lips at its end), as in
any vowel. The filter follows from the lips alone, up to the length of the speaker's tract: opening raises
the first formant, spreading the second, pushing the lips forward lowers the third, and the colour of a hiss
tells shut, spread and pushed lips apart. So whoever hears a voice for a while can tell its mouth.
"""

from dataclasses import dataclass

import numpy as np

from models.world.sound.speech import RATE_HZ, Speech

SAMPLE_RATE = 16000
HOP = SAMPLE_RATE // RATE_HZ
"""Samples per row of a track: the filter changes once a row, and fades from one to the next."""
FFT = 1024
"""Twice the fade and room for the filter to ring."""
BANDWIDTHS_HZ = np.array([80.0, 100.0, 140.0, 220.0, 280.0])
HISS = 0.6
"""Loudness of breath against voice."""
TAPS = 8
"""Samples that one glottal pulse is spread over, so that it may fall between two of them."""


@dataclass(frozen=True)
class Voice:
    """How somebody sounds."""

    pitch: float
    """Hz, the middle of speaking."""
    pitch_range: float
    """Semitones that speaking strays from it."""
    tract_length: float
    """Against the average speaker's; all formants are divided by it."""
    offsets: tuple[float, float, float, float, float]
    """Factors on each formant beside the length: no two tracts have the same proportions."""
    breathiness: float
    """Breath mixed with the voice, 0..1."""
    tilt: float
    """How fast harmonics fade, as a power of frequency."""
    jitter: float
    """Relative scatter of each period's length and loudness."""
    level_db: float
    """RMS against full scale."""


def make_voice(rng: np.random.Generator) -> Voice:
    """Draws a speaker; high voices tend to come from short tracts, with exceptions."""
    height = rng.uniform()
    return Voice(
        pitch=float(85 * (255 / 85) ** height),
        pitch_range=float(rng.uniform(1.5, 3.5)),
        tract_length=float(np.clip(1.13 - 0.22 * height + rng.normal(0, 0.04), 0.86, 1.18)),
        offsets=tuple(float(f) for f in rng.normal(1, 0.012, 5)),  # type: ignore[arg-type]
        breathiness=float(rng.uniform(0.02, 0.25)),
        tilt=float(rng.uniform(0.9, 1.3)),
        jitter=float(rng.uniform(0.003, 0.015)),
        level_db=float(rng.uniform(-25, -20)),
    )


def formants(mouth_T3: np.ndarray, voice: Voice) -> np.ndarray:
    """Returns the five resonances of the tract, Hz (T, 5); the upper two are the speaker's alone."""
    opening, width, protrusion = mouth_T3.T
    hz_5T = np.broadcast_arrays(
        240 + 560 * opening - 30 * protrusion,
        1450 + 600 * width - 150 * protrusion,
        2650 + 120 * width - 450 * protrusion,
        3550.0,
        4550.0,
    )
    return np.stack(hz_5T, 1) * voice.offsets / voice.tract_length


def synthesise(speech: Speech, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Returns what `voice` sounds like when it makes these movements: float32, mono, 16 kHz, within -1..1."""
    samples = round(speech.seconds * SAMPLE_RATE)
    clean = _filtered(speech, voice, rng)[:samples]
    spoken = clean[np.abs(clean) > 1e-4]
    loudness = np.sqrt(np.mean(spoken**2)) if spoken.size else 1.0
    heard = _room(clean * (10 ** (voice.level_db / 20) / loudness), rng)
    peak = np.abs(heard).max(initial=0.95)
    hum = 10 ** (rng.uniform(-70, -61) / 20) * rng.standard_normal(samples)
    return (heard * (0.95 / peak) + hum).astype(np.float32)


def _filtered(speech: Speech, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Source and filter meet in short overlapping pieces, one a row of the track."""
    track_T6 = speech.track_T6.astype(np.float64)
    glottis, breath = _pulses(speech, voice, rng), rng.standard_normal(len(track_T6) * HOP)
    rows = np.arange(len(breath)) / HOP
    amplitude = np.interp(rows, np.arange(len(track_T6)), track_T6[:, 3] * track_T6[:, 4])
    hiss = HISS * np.interp(rows, np.arange(len(track_T6)), track_T6[:, 5])
    tract_TB, front_TB = _responses(track_T6[:, :3], voice)
    voiced_TB = _pieces(amplitude * (glottis + 0.1 * voice.breathiness * breath)) * tract_TB
    return _joined(voiced_TB + _pieces(hiss * breath) * front_TB)


def _pulses(speech: Speech, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """One pulse a period, with the energy of a period whatever the pitch."""
    hz_T = voice.pitch * 2 ** (_semitones(speech, voice, rng) / 12)
    hz = np.interp(np.arange(len(hz_T) * HOP) / HOP, np.arange(len(hz_T)), hz_T)
    phase = np.cumsum(hz / SAMPLE_RATE)
    at = np.interp(np.arange(1, int(phase[-1])), phase, np.arange(len(phase)))
    at = at + rng.normal(0, voice.jitter, len(at)) * SAMPLE_RATE / np.interp(at, np.arange(len(hz)), hz)
    near_PK = np.floor(at)[:, None].astype(int) + np.arange(1 - TAPS // 2, TAPS // 2 + 1)
    offset_PK = near_PK - at[:, None]
    kernel_PK = np.sinc(offset_PK) * np.cos(np.pi * offset_PK / (TAPS + 2)) ** 2
    strength = (1 + rng.normal(0, 4 * voice.jitter, len(at))) * np.sqrt(SAMPLE_RATE / voice.pitch)
    train = np.zeros(len(hz) + TAPS)
    np.add.at(train, np.clip(near_PK, 0, len(hz)), kernel_PK * strength[:, None])
    return train[: len(hz)]


def _semitones(speech: Speech, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """The melody: that of the song, or for speech one that wanders and sinks towards the end."""
    if speech.notes is not None:
        return speech.notes.astype(np.float64)
    rows = np.arange(len(speech.track_T6))
    knots = np.arange(0, len(rows) + RATE_HZ // 3, RATE_HZ // 3)
    wander = np.interp(rows, knots, rng.uniform(-0.7, 0.7, len(knots)))
    return voice.pitch_range * (wander + np.linspace(0.3, -0.3, len(rows)))


def _responses(mouth_T3: np.ndarray, voice: Voice) -> tuple[np.ndarray, np.ndarray]:
    """How the tract colours the voice, and the lips colour a hiss: (T, FFT // 2 + 1) each."""
    hz_B = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
    tract_TB = np.ones((len(mouth_T3), len(hz_B)), np.complex64)
    for hz_T, bandwidth in zip(formants(mouth_T3, voice).T, BANDWIDTHS_HZ, strict=True):
        tract_TB *= _resonance(hz_T, bandwidth, hz_B)
    tilt_B = (hz_B / 100 + 1) ** -voice.tilt
    return (tract_TB * tilt_B).astype(np.complex64), _hiss(mouth_T3, voice, hz_B, tract_TB)


def _resonance(hz_T: np.ndarray, bandwidth: float, hz_B: np.ndarray) -> np.ndarray:
    """A pair of poles that leaves the lowest frequencies alone."""
    radius = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
    delay_B = np.exp(-2j * np.pi * hz_B / SAMPLE_RATE).astype(np.complex64)
    linear_T1 = (-2 * radius * np.cos(2 * np.pi * hz_T / SAMPLE_RATE)).astype(np.float32)[:, None]
    square = np.float32(radius**2)
    return (1 + linear_T1 + square) / (1 + linear_T1 * delay_B + square * delay_B**2)


def _hiss(mouth_T3: np.ndarray, voice: Voice, hz_B: np.ndarray, tract_TB: np.ndarray) -> np.ndarray:
    """How lips colour breath: even when all but shut, sharp at the teeth, low behind pushed lips.

    The wider the mouth, the more of the breath comes from the throat and carries the tract's own formants.
    """
    opening, width, protrusion = mouth_T3.T[:, :, None].astype(np.float32)
    centre_T1 = (5200 + 900 * width - 2400 * protrusion) / np.float32(voice.tract_length)
    peak_TB = np.exp(-(((hz_B.astype(np.float32) - centre_T1) / 900) ** 2))
    teeth_TB = 0.12 + peak_TB * (1 - np.exp(-((opening / 0.09) ** 2)))
    throat_T1 = 0.05 + 0.35 * np.clip(opening / 0.5, 0, 1)
    strength_TB = np.abs(tract_TB) + 1e-6
    throat_TB = tract_TB * (np.minimum(strength_TB, 4) / strength_TB)
    return (1 - throat_T1) * teeth_TB + throat_T1 * throat_TB


def _pieces(sound: np.ndarray) -> np.ndarray:
    """Spectra of faded pieces, the middle of each at its row's time."""
    padded = np.pad(sound.astype(np.float32), (HOP, HOP))
    pieces_TS = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP][: len(sound) // HOP]
    fade_S = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * HOP, dtype=np.float32) / HOP)
    return np.fft.rfft(pieces_TS * fade_S, FFT, axis=1)


def _joined(spectra_TB: np.ndarray) -> np.ndarray:
    """The pieces laid over each other again."""
    pieces_TS = np.fft.irfft(spectra_TB, FFT, axis=1)
    rows, parts = len(pieces_TS), -(-FFT // HOP)
    pieces_TPH = np.pad(pieces_TS, ((0, 0), (0, parts * HOP - FFT))).reshape(rows, parts, HOP)
    sound_RH = np.zeros((rows + parts, HOP))
    for part in range(parts):
        sound_RH[part : part + rows] += pieces_TPH[:, part]
    return sound_RH.ravel()[HOP:]


def _room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A few faint early echoes."""
    heard = sound.copy()
    for delay in rng.integers(80, 400, 3):
        heard[delay:] += rng.uniform(-0.12, 0.12) * sound[: len(sound) - delay]
    return heard
