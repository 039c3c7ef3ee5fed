"""Says which of MediaPipe's 478 landmarks are what. Left is the picture's."""

OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
"""Round the face, from the middle of the forehead over the right ear and the chin."""
OUTER_LIPS = [
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
]  # fmt: skip
INNER_RING = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
NOSE, FOREHEAD, CHIN, INNER_LIPS = 1, 10, 152, (13, 14)
JAW_JOINTS = (234, 454)
"""Before the ears, where the jaw's joints are."""
KEPT = [*OVAL, NOSE]
RIGID = [
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 234, 127, 162, 21, 54, 103, 67, 109),
    *(33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1),
]
"""Forehead, temples, corners of the eyes and the ridge of the nose: bone that no mouth moves."""
STORED = [*OUTER_LIPS, *INNER_RING, *OVAL, *RIGID]
"""What is kept of the 478 in every frame, lips first: all of them would outweigh the clip itself."""
