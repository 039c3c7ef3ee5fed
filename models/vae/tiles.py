"""Takes frames too big for the memory through the VAE, tile by tile and a few latents at a time.

Only the layers at the size of the pictures are cut into tiles, for only they are big; attention, which looks at
a whole picture, still does. So a tile differs from its place in the whole by no more than what its layers see
beyond its edge. Neighbours overlap: `SPOILT` of an overlap is thrown away at either side, what is between goes
linearly from one tile to the other. Over time nothing is lost, as each piece is handed what came before it.
Without gradients, which would hold on to all tiles at once.
"""

from collections.abc import Iterator, Sequence

import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from models.vae.layers import Run
from models.vae.passes import decode_inner, decode_outer, encode_inner, encode_outer
from models.vae.shapes import FRAMES_PER_LATENT, check_latents, check_video, latents_of, pixels_per_latent

Span = tuple[int, int]
"""From, to (exclusive), in latents."""
SPOILT = 3 / 8
"""Blending all of the overlap is four to eight times as wrong: what is near the edge of a tile saw zeros beyond it."""


@torch.no_grad()
def decode_tiled(
    vae: AutoencoderKLWan, z_BCTHW: Tensor, tile: int = 32, overlap: int = 8, latents: int = 4
) -> Tensor:
    """Decodes tiles so many latents wide and high, so many latents at a time."""
    check_latents(vae, z_BCTHW)
    pieces = list(_pieces(z_BCTHW.shape[2], latents))
    kept: list[Tensor] | None = None
    inner = []
    for start, end in pieces:
        run, kept = _next(kept)
        inner.append(decode_inner(vae, z_BCTHW[:, :, start:end], run))
    blend = _Blend(z_BCTHW.shape[-2:], tile, overlap, pixels_per_latent(vae))
    for rows, columns in blend.tiles():
        kept = None
        for (start, end), x_BTCHW in zip(pieces, inner, strict=True):
            run, kept = _next(kept)
            made_BCTHW = decode_outer(vae, x_BTCHW[..., slice(*rows), slice(*columns)], run)
            blend.add(
                made_BCTHW, slice(_frames(start), _frames(end)), rows, columns, _frames(z_BCTHW.shape[2])
            )
    return blend.result()


@torch.no_grad()
def encode_tiled(
    vae: AutoencoderKLWan, video_BCTHW: Tensor, tile: int = 32, overlap: int = 8, latents: int = 4
) -> Tensor:
    """Encodes tiles likewise."""
    check_video(vae, video_BCTHW)
    side, count = pixels_per_latent(vae), latents_of(video_BCTHW.shape[2])
    blend = _Blend([edge // side for edge in video_BCTHW.shape[-2:]], tile, overlap)
    for rows, columns in blend.tiles():
        part_BCTHW = video_BCTHW[..., slice(*(side * y for y in rows)), slice(*(side * x for x in columns))]
        kept: list[Tensor] | None = None
        for start, end in _pieces(count, latents):
            run, kept = _next(kept)
            x_BTCHW = encode_outer(vae, part_BCTHW[:, :, _frames(start) : _frames(end)], run)
            blend.add(x_BTCHW.transpose(1, 2), slice(start, end), rows, columns, count)
    x_BTCHW, kept, made = blend.result().transpose(1, 2), None, []
    for start, end in _pieces(count, latents):
        run, kept = _next(kept)
        made.append(encode_inner(vae, x_BTCHW[:, start:end], run))
    return torch.cat(made, 2)


def _next(kept: list[Tensor] | None) -> tuple[Run, list[Tensor]]:
    """The run after the one that kept this, or the first; and what it will keep."""
    keeps: list[Tensor] = []
    return Run(begins=kept is None, before=None if kept is None else iter(kept), kept=keeps), keeps


def _frames(latents: int) -> int:
    return max(0, FRAMES_PER_LATENT * (latents - 1) + 1)


def _pieces(count: int, most: int) -> Iterator[Span]:
    for start in range(0, count, most):
        yield start, min(start + most, count)


def spans(length: int, tile: int, overlap: int) -> list[Span]:
    """Returns as few tiles as overlap by that much at least, evenly over the length."""
    if not 0 <= overlap < tile:
        raise ValueError(f"tiles of {tile} latents cannot overlap by {overlap}; let them by 0 to {tile - 1}")
    if length <= tile:
        return [(0, length)]
    steps = -(-(length - tile) // (tile - overlap))
    starts = [round(step * (length - tile) / steps) for step in range(steps + 1)]
    return [(start, start + tile) for start in starts]


class _Blend:
    """Adds up weighted tiles, and divides by the sum of their weights."""

    def __init__(self, size: Sequence[int], tile: int, overlap: int, scale: int = 1):
        self.height, self.width = size
        self.rows, self.columns = (spans(length, tile, overlap) for length in size)
        self.overlap, self.scale = overlap, scale
        self.sum_BCTHW: Tensor | None = None

    def tiles(self) -> Iterator[tuple[Span, Span]]:
        for rows in self.rows:
            for columns in self.columns:
                yield rows, columns

    def add(self, x_BCTHW: Tensor, times: slice, rows: Span, columns: Span, count: int) -> None:
        """`count`: frames there will be in all."""
        scale = self.scale
        if self.sum_BCTHW is None:
            clips, channels = x_BCTHW.shape[:2]
            self.sum_BCTHW = x_BCTHW.new_zeros(
                clips, channels, count, scale * self.height, scale * self.width
            )
        weight_HW = self._weight(rows, self.height)[:, None] * self._weight(columns, self.width)
        down, across = (slice(scale * start, scale * end) for start, end in (rows, columns))
        self.sum_BCTHW[:, :, times, down, across] += x_BCTHW * weight_HW.to(x_BCTHW)

    def result(self) -> Tensor:
        assert self.sum_BCTHW is not None, "no tile was added"
        down_H, across_W = self._total(self.rows, self.height), self._total(self.columns, self.width)
        return self.sum_BCTHW / (down_H[:, None] * across_W).to(self.sum_BCTHW)

    def _total(self, tiles: list[Span], length: int) -> Tensor:
        total_X = torch.zeros(length * self.scale, dtype=torch.double)
        for start, end in tiles:
            total_X[start * self.scale : end * self.scale] += self._weight((start, end), length)
        return total_X

    def _weight(self, span: Span, length: int) -> Tensor:
        """1 but towards a neighbour: an edge of the picture is an edge in the whole, too."""
        start, end = span
        at_X = (torch.arange((end - start) * self.scale, dtype=torch.double) + 0.5) / self.scale
        weight_X = torch.ones_like(at_X)
        for far_X, inner in ((at_X, start > 0), (end - start - at_X, end < length)):
            if inner and self.overlap:
                blended_X = (far_X / self.overlap - SPOILT) / (1 - 2 * SPOILT)
                weight_X = weight_X * blended_X.clamp(0, 1)
        return weight_X
