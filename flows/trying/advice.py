"""What a person can do about each rejection: the step after the reason, by the code that rows carry."""

from flows.trying.story import End
from storage.ledger.mask_verdicts import AWAITING
from storage.ledger.table import Status

BROKEN = "play it in a video player: if that fails too, export or download it again"
OTHER_MOMENT = (
    "take a passage, or a file, where the face is turned to the camera and fills more of the picture"
)
STEPS = {
    "empty": "copy or download the file again",
    "not_media": "give a video file; this one is something else under a video's name, or damaged from its start on",
    "broken": BROKEN,
    "undecodable": BROKEN,
    "damage": f"{BROKEN}; --set verdict.allow_damage=true takes the rest all the same",
    "playlist": "give the video itself, not the list that names it",
    "no_video": "give a file with a picture: this one has sound alone",
    "cover_art": "give a video: the picture of this file is the cover of a song",
    "too_short": "give a longer passage with one face in it",
    "too_long": "cut it into files of some hours",
    "too_large": "make it smaller, for example 1080p",
    "no_audio": "add the sound track; --set verdict.require_audio=false takes clips without one",
    "gone": "see where the file went, and try again",
    "changed": "wait until it is written, and try again",
    "unreadable": "permit yourself to read it (chmod +r)",
    "no_face": "give a video in which a face looks at the camera",
    "several_faces": "--set ingest.faces=speaking takes the one who speaks",
    "face_too_small": "crop the video around the speaker, or film closer; --set ingest.min_face_px=N lets smaller ones in, "
    "which stay blurred",
    "jump_cut": "cut the file there, or give another passage",
    "frozen": "give footage in which the person moves while speaking",
    "face_px": f"{OTHER_MOMENT}; --set verdict.min_face_px=N lets smaller ones in",
    "dark_share": "brighten the video, or give another passage; the limit is verdict.max_dark_share",
    "bright_share": "darken the video, or give another passage; the limit is verdict.max_bright_share",
    "exposure": "correct the exposure; the limits are verdict.min_exposure and verdict.max_exposure",
    "sharpness": "give footage that is in focus; --set verdict.min_sharpness=N lets softer clips in",
    "yaw": f"{OTHER_MOMENT}; the limit is verdict.max_yaw",
    "lost_share": f"{OTHER_MOMENT}; the limit is verdict.max_lost_share",
    "outside_share": "give footage where the whole head is in the picture; the limit is verdict.max_outside_share",
    "nonfinite_audio": "export the sound again as PCM or AAC: some samples are no numbers",
    "near_silence": "see whether the microphone's track is the one in the file; the limits are verdict.max_silence_share "
    "and verdict.min_loudness_db",
    "clipping_share": "record or export it less loud; the limit is verdict.max_clipping_share",
    "speech_share": "give a passage in which somebody speaks; the limit is verdict.min_speech_share",
    "music": "give the voice without the music; the limits are verdict.max_music_share and verdict.max_beat",
    "out_of_sync": "shift the sound by that much (ffmpeg -itsoffset), or see whether it belongs to this picture",
    "sync_unknown": "give a longer passage, or --set verdict.sync_unknown=accept",
    "unclear_answer": "look at the clip: what covers the face could not be named",
    "not_grounded": "look at the clip: what is said to cover the face is nowhere to be seen",
    AWAITING: "look at it on the page; in a rebuild `redub review export` asks you, and --set screen.policy=none nobody",
    "covered": "give a passage in which nothing is in front of the face",
    "mask_empty": "look at the clip: what is said to cover the face is nowhere to be seen",
    "mask_covers_all": "give a passage in which less is in front of the face",
    "link_loop": "give the folder that it leads to",
    "link_outside": "give the file, or the folder, that it leads to",
    "bad_address": "copy the video to this machine or into an object store, and name it there",
    "bad_name": "rename the file",
    "not_regular": "copy the video into a file",
    "broken_link": "mend the link, or give the file itself",
    "missing": "see whether the path is right",
    "face_lost": f"{OTHER_MOMENT}; the limits are facemask.max_gap and facemask.max_lost_share",
    "no_landmarks": "look whether this is a face",
    "mixed_track": "cut the file where the person changes",
    "unknown_speaker": "name the speaker in a manifest",
    "alone": "give a second video of the same person",
    "partner_short": "give a longer video of the same person",
}  # fmt: skip


def next_step(end: End) -> str:
    """One sentence; of what raised, where to read more."""
    if end.status == Status.QUARANTINED:
        return "this is a fault of redub or of the file: `redub quarantine list` with -c and the catalog beside the page"
    return STEPS.get(
        end.code, f"the limits are those of stage {end.stage}; `redub trace` says all that is known"
    )
