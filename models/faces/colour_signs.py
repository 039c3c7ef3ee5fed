"""Tells by a face's colours (models/faces/point_colours.py) whether something hides its mouth or passes before it.

All three compare a face with itself, never with other people's: lips with this face's own skin and with what is around
them, the lower half with what it mostly looks like in this clip. So beards, glasses, lipstick and dim light are none of
their business. What was measured: docs/your-own-videos.md, "What may be repainted".

F frames, P places, K points of the mesh, L places on the lips.
"""

import numpy as np

from models.faces.landmarks478 import INNER_RING
from models.faces.point_colours import MESH, Zones

COLOURLESS = 0.05
"""Where skin is no redder than this, the picture is grey or lit by a lamp of one colour: nothing is said then."""
RED = 0.6
"""Lips are redder than skin, or nearly as red; the least share of the skin's redness that can be lips or teeth's edge."""
NO_REDDER, NO_DARKER = 0.012, 0.04
"""Less than any mouth differs from what is around it: the lips in redness, the line between them in light."""
STEADY, NOISE, QUIET = 0.1, 4.0, 0.3
"""A colour has changed when it is farther from its median than STEADY and NOISE times what a quiet share of frames are."""
RED_CHANNEL, GREEN_CHANNEL = 0, 1


def hidden_lips(log_FP3: np.ndarray, zones: Zones) -> np.ndarray:
    """Returns which places on the lips are neither lip nor skin of this face, by how red they are (F, L)."""
    red_FP = _redness(log_FP3)
    skin = float(np.median(red_FP[:, :MESH][:, zones.skin_K]))
    lips_FL = red_FP[:, MESH:]
    return lips_FL < RED * skin if skin > COLOURLESS else np.zeros(lips_FL.shape, bool)


def bare_mouth(log_FP3: np.ndarray, zones: Zones) -> np.ndarray:
    """Returns the frames on which no mouth is to be seen: lips as red as what is around them, no line between (F)."""
    red_FP, light_FP = _redness(log_FP3), log_FP3.mean(-1)
    redder_F = np.median(red_FP[:, MESH:], 1) - np.median(red_FP[:, :MESH][:, zones.around_K], 1)
    darker_F = np.median(light_FP[:, INNER_RING], 1) - np.median(light_FP[:, :MESH][:, zones.around_K], 1)
    return (np.abs(redder_F) < NO_REDDER) & (np.abs(darker_F) < NO_DARKER)


def passing(log_FP3: np.ndarray, zones: Zones) -> np.ndarray:
    """Returns where below the nose, but for the mouth, the colour is not what it mostly is; False elsewhere (F, K).

    Light that changes on the whole face is taken out by the skin.
    """
    away_FK3 = (log_FP3 - np.median(log_FP3, 0))[:, :MESH]
    away_FK3 = away_FK3 - np.median(away_FK3[:, zones.skin_K], 1)[:, None]
    away_FK = np.sqrt((away_FK3**2).mean(-1))
    return (away_FK > STEADY + NOISE * np.quantile(away_FK, QUIET, axis=0)) & zones.lower_K


def _redness(log_FP3: np.ndarray) -> np.ndarray:
    return log_FP3[..., RED_CHANNEL] - log_FP3[..., GREEN_CHANNEL]
