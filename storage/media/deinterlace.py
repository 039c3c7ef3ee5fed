"""Makes whole pictures of interlaced frames."""

from collections.abc import Iterator

import av
import av.filter
from av.video.stream import VideoStream


def progressive(frames: Iterator[av.VideoFrame], stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Interlaced frames hold two moments, line by line: from the first one on, the second is worked out."""
    graph: av.filter.Graph | None = None
    for frame in frames:
        if graph is None and frame.interlaced_frame:
            graph = _deinterlacer(frame, stream)
        if graph is None:
            yield frame
            continue
        graph.vpush(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph)


def _deinterlacer(frame: av.VideoFrame, stream: VideoStream) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    base = frame.time_base or stream.time_base
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=base)
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink"))
    graph.configure()
    return graph


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
