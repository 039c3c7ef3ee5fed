"""Takes pictures through a video file and back, so that what is measured is what a dataset's reader sees.

Stages write their files by storage/media, which models do not know; that both give the same pictures is held by
tests/models/mini/test_companions.py.
"""

import io

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from models.mini.generator.people import FPS

CLIP_CRF, COMPANION_CRF = 16, 12
"""Quality of clips and of companions, as the stages ingest and companion have it."""
BT709 = 1
OPTIONS = {"preset": "veryfast", "x264-params": "cpu-independent=1"}


def through_a_file(rgb_FHWC: np.ndarray, crf: int = COMPANION_CRF) -> np.ndarray:
    """Returns frames (F, H, W, 3), uint8, as they are after H.264 4:2:0."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={**OPTIONS, "crf": str(crf)})
        stream.height, stream.width = rgb_FHWC.shape[1:3]
        stream.pix_fmt, context = "yuv420p", stream.codec_context
        context.thread_count, context.color_range = 1, int(ColorRange.MPEG)
        context.colorspace = context.color_primaries = context.color_trc = BT709
        scaler = VideoReformatter()
        for rgb_HWC in rgb_FHWC:
            container.mux(stream.encode(_yuv(scaler, rgb_HWC)))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as written:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in written.decode(video=0)])


def _yuv(scaler: VideoReformatter, rgb_HWC: np.ndarray) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb_HWC), "rgb24")
    return scaler.reformat(
        frame,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
