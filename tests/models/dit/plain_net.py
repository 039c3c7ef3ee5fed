"""The video DiT once more, plainly: token by token, in complex numbers and 64 bits, a row of times for each token."""

from cmath import exp
from itertools import product
from math import cos, erf, pi, sin, sqrt, tanh

import numpy as np
import torch


class Plain:
    """One clip of a sequence."""

    def __init__(self, net, sequence, clip):
        self.config, self.weights = (
            net.config,
            {key: value.numpy() for key, value in net.state_dict().items()},
        )
        self.latents, self.audio = sequence.latents_BCFHW[clip].numpy(), sequence.audio_BFNA
        self.audio = None if self.audio is None else self.audio[clip].numpy()
        self.text = None if sequence.text_BLX is None else sequence.text_BLX[clip].numpy()
        reference, motion, target = sequence.frames
        self.reference, self.target = reference, motion + target
        rows, columns = (side // 2 for side in self.latents.shape[2:])
        self.places = list(product(range(self.latents.shape[1]), range(rows), range(columns)))
        stretch = [0] * reference + [1] * motion + [2] * target
        self.frame_times = [sequence.times_B3[clip, one].item() for one in stretch]
        self.times = [self.frame_times[frame] for frame, _, _ in self.places]
        self.rows, self.columns = rows, columns

    def linear(self, name, x, bias=True):
        return x @ self.weights[f"{name}.weight"].T + (self.weights[f"{name}.bias"] if bias else 0)

    def layer_norm(self, x, name=None, eps=1e-6):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"] if name else x

    def turn(self, place, numbers):
        """One head of one token."""
        frame, row, column = place
        shift = self.config.reference_shift
        where = (frame, row + (shift or self.rows), column + (shift or self.columns))
        if frame >= self.reference:
            where = (frame - self.reference, row, column)
        side = 2 * (len(numbers) // 6)
        sizes = (len(numbers) - 2 * side, side, side)
        angles = [
            at * 10000 ** (-2 * k / size)
            for at, size in zip(where, sizes, strict=True)
            for k in range(size // 2)
        ]
        turned = [complex(*numbers[2 * k : 2 * k + 2]) * exp(1j * angle) for k, angle in enumerate(angles)]
        return np.array([part for one in turned for part in (one.real, one.imag)])

    def attend(self, name, x, seen, places=None):
        def normed(kind, y):
            y = self.linear(f"{name}.{kind}", y)
            y = (
                y
                / np.sqrt((y**2).mean(-1, keepdims=True) + 1e-6)
                * self.weights[f"{name}.norm_{kind}.weight"]
            )
            y = y.reshape(len(y), self.config.heads, -1)
            if places:
                y = np.array(
                    [[self.turn(at, head) for head in token] for at, token in zip(places, y, strict=True)]
                )
            return y

        q, k, v = normed("q", x), normed("k", seen), self.linear(f"{name}.v", seen)
        v = v.reshape(len(v), self.config.heads, -1)
        return self.linear(f"{name}.o", mixed(q, k, v))

    def time_rows(self, time):
        ticks, half = time * 1000, self.config.frequencies // 2
        if self.config.coarse_clock:
            ticks = float(torch.tensor(ticks).to(torch.bfloat16))
        angles = [ticks * 10000 ** (-k / half) for k in range(half)]
        waves = np.array([cos(angle) for angle in angles] + [sin(angle) for angle in angles])
        time = self.linear("time_embedding.2", silu(self.linear("time_embedding.0", waves)))
        return time, self.linear("time_projection.1", silu(time)).reshape(-1, self.config.dim)

    def heard(self):
        if not self.config.audio.layers:
            return self.linear("audio_embedding", self.audio)
        x = self.linear("audio_embedding.proj_in", self.audio)
        for number in range(self.config.audio.layers):
            name = f"audio_embedding.layers.{number}"
            x = np.array([self.hear_window(name, window) for window in x])
        return self.linear("audio_embedding.proj_out", x)

    def hear_window(self, name, x):
        seen = self.layer_norm(x, f"{name}.norm1", 1e-5) + self.weights[f"{name}.pos_embed.pe"][0, : len(x)]
        q, k, v = (self.linear(f"{name}.attn.to_{kind}", seen, bias=False) for kind in "qkv")
        split = [y.reshape(len(x), self.config.audio.heads, -1) for y in (q, k, v)]
        x = x + self.linear(f"{name}.attn.to_out.0", mixed(*split))
        both = self.linear(f"{name}.ff.net.0.proj", self.layer_norm(x, f"{name}.norm2", 1e-5))
        value, gate = np.split(both, 2, -1)
        return x + self.linear(f"{name}.ff.net.2", value * gate * (1 + np.vectorize(erf)(gate / sqrt(2))) / 2)

    def block(self, name, x, tables):
        rows = np.array(tables) + self.weights[f"{name}.modulation"]  # dense: tokens x rows x width

        def shown(first):
            return self.layer_norm(x) * (1 + rows[:, first + 1]) + rows[:, first]

        if self.config.spatial:
            seen, frame = shown(6), self.rows * self.columns
            found = [
                self.attend(f"{name}.spatial_attn", part, part, self.places[:frame])
                for part in np.split(seen, len(seen) // frame)
            ]
            x = x + rows[:, 8] * np.concatenate(found)
        x = x + rows[:, 2] * self.attend(f"{name}.self_attn", shown(0), shown(0), self.places)
        x = np.array([*x])
        for token, (frame, _, _) in enumerate(self.places):
            if frame < self.reference:
                continue
            if self.config.text:
                one = self.layer_norm(x[token : token + 1], f"{name}.norm3")
                x[token] += self.attend(f"{name}.cross_attn", one, self.read())[0]
            if self.audio is not None:
                one = self.layer_norm(x[token : token + 1], f"{name}.norm4")
                x[token] += self.attend(f"{name}.audio_attn", one, self.sound[frame - self.reference])[0]
        hidden = gelu_tanh(self.linear(f"{name}.ffn.0", shown(3)))
        return x + rows[:, 5] * self.linear(f"{name}.ffn.2", hidden)

    def read(self):
        padded = np.concatenate(
            [self.text, np.zeros((self.config.text_tokens - len(self.text), self.config.text))]
        )
        return self.linear("text_embedding.2", gelu_tanh(self.linear("text_embedding.0", padded)))

    def shown(self):
        """Number by number: what is clean over its deviation, what is noised as if its deviation had been 1."""
        if not self.config.preconditioned:
            return self.latents
        shown, channels = self.latents.copy(), self.config.channels
        clean = len(shown) - channels
        for channel, s in enumerate(self.weights["channel_scale"]):
            for frame in range(shown.shape[1]):
                t = self.frame_times[frame]
                like_one = sqrt(((1 - t) ** 2 + t**2) / ((1 - t) ** 2 * s**2 + t**2))
                shown[clean + channel, frame] *= like_one
                if clean:
                    shown[channel, frame] /= s
        return shown

    def velocity(self, out):
        """Karras et al. 2022, equation 7, for v = eps - z0."""
        if not self.config.preconditioned:
            return out
        for channel, s in enumerate(self.weights["channel_scale"]):
            for frame in range(self.target):
                t = self.frame_times[self.reference + frame]
                variance = (1 - t) ** 2 * s**2 + t**2
                z = self.latents[channel - self.config.channels, self.reference + frame]
                guess = (t - (1 - t) * s**2) / variance * z
                out[channel, frame] = guess + s / sqrt(variance) * out[channel, frame]
        return out

    def forward(self):
        kernel, latents = self.weights["patch_embedding.weight"].reshape(self.config.dim, -1), self.shown()
        patches = [latents[:, f, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].ravel() for f, r, c in self.places]
        x = np.array(patches) @ kernel.T + self.weights["patch_embedding.bias"]
        times, tables = zip(*(self.time_rows(time) for time in self.times), strict=True)
        self.sound = None if self.audio is None else self.heard()
        for number in range(self.config.layers):
            x = self.block(f"blocks.{number}", x, tables)
        out = np.zeros((self.config.channels, self.target, *self.latents.shape[2:]))
        for token, time, (frame, row, column) in zip(x, times, self.places, strict=True):
            if frame >= self.reference:
                shift, scale = self.weights["head.modulation"][0] + time
                patch = self.linear("head.head", self.layer_norm(token) * (1 + scale) + shift)
                for (y, z), pixel in zip(product(range(2), repeat=2), patch.reshape(4, -1), strict=True):
                    out[:, frame - self.reference, 2 * row + y, 2 * column + z] = pixel
        return self.velocity(out)


def mixed(q, k, v):
    """Tokens x heads x numbers, softmax written out."""
    scores = np.einsum("qhd,khd->hqk", q, k) / sqrt(q.shape[-1])
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v).reshape(len(q), -1)


def silu(x):
    return x / (1 + np.exp(-x))


def gelu_tanh(x):
    return x * (1 + np.vectorize(tanh)(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2
