"""Names of the numbers that the mini head encoder gives: those of each frame, and those of the person."""

FRAME_COEFFICIENTS = (
    "opening", "width", "protrusion", "brow", "smile", "blink", "yaw", "pitch", "roll", "scale", "x", "y"
)  # fmt: skip
"""The mouth and the face as the world's head takes them, angles in radians, then the camera: the log of how
much of the picture's side one unit takes, and where the origin falls, as shares of the side."""
MOUTH = ("opening", "width", "protrusion")
SHAPE_COEFFICIENTS = (
    "face_width", "jaw_width", "face_length", "cheekbones", "cheeks_full", "chin_forward", "chin_pointed",
    "beard", "nose_long", "nose_wide", "nose_high", "brow_ridge", "brow_high", "eyes_apart", "eyes_large",
    "eyes_slant", "mouth_wide", "mouth_high", "lips_full", "lips_upper",
)  # fmt: skip
"""The identity vectors that move the face; hair, neck and clothes are none of its business."""
EYES = ("left_eye", "right_eye")
LIPS = (
    "mouth_left", "upper_outer_left", "upper_outer", "upper_outer_right",
    "mouth_right", "lower_outer_right", "lower_outer", "lower_outer_left",
)  # fmt: skip
"""Landmarks round the mouth, in order."""
