"""The words in which a model is asked. The mini captioner is trained on exactly these."""

QUESTION = (
    "Does any object occlude the person's face in this video? "
    "If so, name only the object or objects, separated by commas. If not, answer: nothing."
)
"""Once per clip, of its sampled frames."""
GROUNDING = (
    'Locate the "{phrase}" in front of the face. Output its bbox coordinates in JSON format, '
    "or an empty list if it is not visible."
)
"""Once per phrase and chosen frame."""
