"""Tells what a media file says of itself, and what its first frame shows: columns of the stage `probe`."""

from typing import Any

import av

from storage.media.coded_picture import display_size, orientation
from storage.media.container import Media, MediaError
from storage.media.convert_frames import HDR_TRANSFERS
from storage.media.stream import declared_seconds

FIRST_PACKETS = 250
"""A picture that has not come by then does not come: about ten seconds of video."""


def check_has_video(media: Media) -> None:
    """A file without a picture is refused, and told what it holds instead."""
    if media.video is not None:
        return
    if media.cover_art:
        raise MediaError("cover_art", "its only picture is a cover; this is a sound file, not a video")
    holds = "only sound" if media.audio is not None else "neither picture nor sound"
    raise MediaError("no_video", f"the file holds {holds}; a video was expected")


def first_frame(media: Media) -> av.VideoFrame:
    """Decodes until a picture comes: only a frame knows its rotation and whether it is interlaced."""
    stream = media.rewind("video", 0.0)
    stream.codec_context.thread_count = 1
    try:
        for number, packet in enumerate(media.container.demux(stream)):
            if frames := _decoded(packet):
                return frames[0]
            if number > FIRST_PACKETS:
                break
    except av.FFmpegError as error:
        raise MediaError(
            "undecodable", f"reading stops before the first picture: {error.strerror}"
        ) from error
    reason = f"no picture can be decoded from its {stream.name or 'video'} stream"
    if not stream.width:  # libav leaves out what is above the limit, and then knows no size
        reason += f": it is damaged, or larger than the {media.max_pixels} pixels that are read at most"
    raise MediaError("undecodable", reason)


def _decoded(packet: av.Packet) -> list:
    try:
        return packet.decode()
    except av.FFmpegError:
        return []  # the next packet may do: streams can start in the middle of a picture group


def duration_of(media: Media) -> float:
    """As declared; where nothing is (streamed recordings), from the packets' timestamps, undecoded."""
    assert media.video is not None
    if seconds := declared_seconds(media.video) or (media.container.duration or 0) / 1e6:
        return seconds
    stream = media.rewind("video", 0.0)
    base = float(stream.time_base or 0)
    ends = [(p.pts + (p.duration or 0)) * base for p in media.container.demux(stream) if p.pts is not None]
    return max(ends, default=media.zero) - media.zero


def picture_facts(media: Media, frame: av.VideoFrame, duration: float, max_side: int) -> dict[str, Any]:
    """Columns about the picture."""
    stream = media.video
    assert stream is not None
    width, height = display_size(frame, stream.sample_aspect_ratio, orientation(frame)[0])
    if max(width, height) > max_side:
        raise MediaError("too_large", f"the picture is {width}x{height}, a side above max_side {max_side}")
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    return {
        "container": media.container.format.name.split(",")[0],
        "video_codec": stream.codec_context.name,
        "pix_fmt": frame.format.name,
        "width": width,
        "height": height,
        "rotation": -frame.rotation % 360,
        "sar": str(stream.sample_aspect_ratio or 1),
        "fps": fps,
        "duration_s": duration,
        "frames": stream.frames or round(duration * fps),
        "hdr": int(frame.color_trc) in HDR_TRANSFERS,
        "interlaced": frame.interlaced_frame,
    }


def sound_facts(media: Media) -> dict[str, Any]:
    """Columns about the sound track; all None without one."""
    stream = media.audio
    if stream is None:
        return dict.fromkeys(("audio_codec", "sample_rate", "channels", "audio_start_s"))
    start = (
        None if stream.start_time is None else float(stream.start_time * (stream.time_base or 0)) - media.zero
    )
    return {
        "audio_codec": stream.codec_context.name,
        "sample_rate": stream.codec_context.sample_rate,
        "channels": stream.codec_context.channels,
        "audio_start_s": start,
    }
