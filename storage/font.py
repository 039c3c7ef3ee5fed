"""A 5x7 pixel font for captions on contact sheets, so that no imaging library is needed for it.

Capitals, digits and common signs; each glyph is seven rows of five pixels, one base-32 digit a row.
"""

import unicodedata

import numpy as np

HEIGHT, ADVANCE = 7, 6
UNKNOWN = "vhhhhhv"
GLYPHS = {
    " ": "0000000",
    **dict(zip("ABCDE", ["ehhvhhh", "uhhuhhu", "ehggghe", "uhhhhhu", "vgguggv"], strict=True)),
    **dict(zip("FGHIJ", ["vgguggg", "ehgnhhe", "hhhvhhh", "e44444e", "72222ic"], strict=True)),
    **dict(zip("KLMNO", ["hikokih", "ggggggv", "hrllhhh", "hhpljhh", "ehhhhhe"], strict=True)),
    **dict(zip("PQRST", ["uhhuggg", "ehhhlid", "uhhukih", "fgge11u", "v444444"], strict=True)),
    **dict(zip("UVWXYZ", ["hhhhhhe", "hhhhha4", "hhhllla", "hha4ahh", "hha4444", "v1248gv"], strict=True)),
    **dict(zip("01234", ["ehjlphe", "4c4444e", "eh1248v", "v2421he", "26aiv22"], strict=True)),
    **dict(zip("56789", ["vgu11he", "68guhhe", "v124888", "ehhehhe", "ehhf12c"], strict=True)),
    **dict(
        zip(
            ".:;,/-_",
            ["00000cc", "0cc0cc0", "0cc0c48", "0000c48", "01248g0", "000v000", "000000v"],
            strict=True,
        )
    ),
    **dict(zip("()%'=+", ["2488842", "8422248", "op248j3", "4480000", "00v0v00", "044v440"], strict=True)),
    **dict(zip('<>#"[]', ["248g842", "8421248", "aavavaa", "aa00000", "e88888e", "e22222e"], strict=True)),
    **dict(zip("?!", ["eh12404", "4444404"], strict=True)),
}


def draw_text(text: str, scale: int = 2) -> np.ndarray:
    """(HEIGHT * scale, width) of True where ink is; accents are dropped, unknown signs become a box."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).upper()
    ink = np.zeros((HEIGHT, max(1, len(plain) * ADVANCE)), bool)
    for i, char in enumerate(plain):
        rows = np.array([int(row, 32) for row in GLYPHS.get(char, UNKNOWN)])
        ink[:, i * ADVANCE : i * ADVANCE + 5] = rows[:, None] >> np.arange(4, -1, -1) & 1
    return ink.repeat(scale, axis=0).repeat(scale, axis=1)
