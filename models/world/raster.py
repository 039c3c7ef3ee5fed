"""Draws triangles: light at the vertices, a z-buffer, pixel by pixel. Compiled; one thread.

A picture of what a mouth holds is kept inside the lips by a stencil: the opening between the lips is a
surface of its own, and teeth and tongue are drawn where that surface was seen, nowhere else.
"""

import numba
import numpy as np

MOUTH, TONGUE, OCCLUDER = 2, 4, 7
EYE, HAIR, CAVITY, TOOTH, TONGUE_SKIN, SCLERA = 1, 2, 3, 4, 5, 7
"""Values of `Part` and `Material`, which compiled code cannot read."""
CAMERA_Z = 6.0
BEHIND_LIDS = 0.0012
"""Taken from an eyeball's nearness, so that a shut lid covers it however thin: 0.04 units."""


@numba.njit(cache=True, fastmath=True)
def light(points, triangles, colours, material, uv, ambient, diffuse, towards, tint, shine, out):
    """Lights vertices: smooth normals, then a soft key light, light from the sky, and a highlight.

    An eye gets its place on the eyeball instead of a colour, and the light as the third value.
    """
    normals = np.zeros_like(points)
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        x1, y1, z1 = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        x2, y2, z2 = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
        for v in (a, b, c):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    hx, hy, hz = towards[0], towards[1], towards[2] + 1
    half = 1 / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
    for v in range(len(points)):
        nx, ny, nz = normals[v]
        scale = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-20)
        lit = max((nx * towards[0] + ny * towards[1] + nz * towards[2]) * scale * 0.82 + 0.18, 0.0)
        strength = ambient * (0.87 + 0.13 * ny * scale) + diffuse * lit
        kind = material[v]
        if kind == CAVITY:
            strength = 0.5 * (ambient + diffuse)
        elif kind in (TOOTH, TONGUE_SKIN):
            strength = 0.55 * (ambient + diffuse) + 0.35 * diffuse * lit
        gloss = max((nx * hx + ny * hy + nz * hz) * scale * half, 0.0)
        spark = 0.0
        if kind == 0:
            gloss = gloss * gloss
            gloss = gloss * gloss
            gloss = gloss * gloss
            spark = shine * gloss * gloss * diffuse
        elif kind == HAIR:
            gloss = gloss * gloss
            spark = 0.10 * gloss * gloss * diffuse
        if kind in (EYE, SCLERA):
            out[v, 0], out[v, 1], out[v, 2] = uv[v, 0], uv[v, 1], strength
        else:
            for k in range(3):
                out[v, k] = (colours[v, k] * strength + spark) * tint[k]


@numba.njit(cache=True, fastmath=True)
def draw(xyd, triangles, part, material, colours, eye, tint, gaze, picture, labels, nearness):
    """Draws triangles. xyd: pixels, and one over the distance, which is linear in the picture."""
    high, wide = labels.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        ax, ay, bx, by, cx, cy = xyd[a, 0], xyd[a, 1], xyd[b, 0], xyd[b, 1], xyd[c, 0], xyd[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        kind, inside = part[t], part[t] > MOUTH and part[t] <= TONGUE
        if kind == OCCLUDER and area > 0:
            b, c, bx, by, cx, cy, area = c, b, cx, cy, bx, by, -area
        if area >= -1e-6:
            continue
        left, right = (
            max(0, int(np.ceil(min(ax, bx, cx) - 0.5))),
            min(wide - 1, int(np.floor(max(ax, bx, cx) - 0.5))),
        )
        top, bottom = (
            max(0, int(np.ceil(min(ay, by, cy) - 0.5))),
            min(high - 1, int(np.floor(max(ay, by, cy) - 0.5))),
        )
        behind = BEHIND_LIDS * (material[a] == EYE) + 3 * BEHIND_LIDS * (material[a] == SCLERA)
        over = 1 / area
        step0, step1 = (by - cy) * over, (cy - ay) * over
        near_a, near_b, near_c = xyd[a, 2], xyd[b, 2], xyd[c, 2]
        for y in range(top, bottom + 1):
            px, py = left + 0.5, y + 0.5
            w0 = ((bx - px) * (cy - py) - (cx - px) * (by - py)) * over - step0
            w1 = ((cx - px) * (ay - py) - (ax - px) * (cy - py)) * over - step1
            for x in range(left, right + 1):
                w0 += step0
                w1 += step1
                w2 = 1 - w0 - w1
                if w0 < -1e-5 or w1 < -1e-5 or w2 < -1e-5:
                    continue
                near = w0 * near_a + w1 * near_b + w2 * near_c
                near -= behind
                if inside:
                    if labels[y, x] < MOUTH or labels[y, x] > TONGUE:
                        continue
                    near -= 1
                if near <= nearness[y, x]:
                    continue
                nearness[y, x] = -1 if kind == MOUTH else near
                labels[y, x] = kind
                for k in range(3):
                    picture[y, x, k] = w0 * colours[a, k] + w1 * colours[b, k] + w2 * colours[c, k]
                if behind > 0:
                    _eye(picture[y, x], eye, tint, gaze)


@numba.njit(cache=True, fastmath=True)
def _eye(pixel, eye, tint, gaze):
    u, v, lit = pixel
    radius = np.sqrt((u - gaze[0]) ** 2 + (v - gaze[1]) ** 2)
    iris = min(max((0.50 - radius) / 0.09, 0.0), 1.0)
    pupil = min(max((0.24 - radius) / 0.08, 0.0), 1.0)
    ring = min(max((radius - 0.34) / 0.12, 0.0), 1.0)
    lid = 1 - 0.45 * min(max((v - 0.02) / 0.30, 0.0), 1.0)
    glint = max(1 - ((u - gaze[0] + 0.14) ** 2 + (v - gaze[1] - 0.14) ** 2) / 0.012, 0.0)
    for k in range(3):
        white = (0.93 if k == 0 else 0.90) * (1 - 0.25 * abs(u))
        colour = eye[k] * (1.15 - 0.65 * ring) * (1 - pupil) + 0.02 * pupil
        pixel[k] = ((white * (1 - iris) + colour * iris) * lit * lid + 0.8 * glint * glint) * tint[k]


@numba.njit(cache=True, fastmath=True)
def cover(xyd, triangles, mask):
    """Marks the pixels whose centre lies in any triangle, whichever way it faces."""
    high, wide = mask.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        ax, ay, bx, by, cx, cy = xyd[a, 0], xyd[a, 1], xyd[b, 0], xyd[b, 1], xyd[c, 0], xyd[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-6:
            continue
        left, right = (
            max(0, int(np.ceil(min(ax, bx, cx) - 0.5))),
            min(wide - 1, int(np.floor(max(ax, bx, cx) - 0.5))),
        )
        top, bottom = (
            max(0, int(np.ceil(min(ay, by, cy) - 0.5))),
            min(high - 1, int(np.floor(max(ay, by, cy) - 0.5))),
        )
        step0, step1 = (by - cy) / area, (cy - ay) / area
        for y in range(top, bottom + 1):
            w0 = ((bx - left - 0.5) * (cy - y - 0.5) - (cx - left - 0.5) * (by - y - 0.5)) / area
            w1 = ((cx - left - 0.5) * (ay - y - 0.5) - (ax - left - 0.5) * (cy - y - 0.5)) / area
            for n in range(right + 1 - left):
                u, v = w0 + n * step0, w1 + n * step1
                if u >= -1e-5 and v >= -1e-5 and u + v <= 1.00001:
                    mask[y, left + n] = True


@numba.njit(cache=True, fastmath=True)
def backdrop(tile, drift, out):
    """Draws the backdrop, bilinear; the tile fills the picture and repeats beyond its edges."""
    rows, columns = tile.shape[0], tile.shape[1]
    high, wide = out.shape[0], out.shape[1]
    start, share = np.empty(wide, np.int64), np.empty(wide, np.float32)
    for x in range(wide):
        tx = ((x + 0.5) / wide + drift[0]) * columns - 0.5
        start[x] = int(np.floor(tx))
        share[x] = tx - start[x]
    for y in range(high):
        ty = ((y + 0.5) / high + drift[1]) * rows - 0.5
        row = int(np.floor(ty))
        fy = np.float32(ty - row)
        upper, lower = tile[row % rows], tile[(row + 1) % rows]
        for x in range(wide):
            fx, left, right = share[x], start[x] % columns, (start[x] + 1) % columns
            for k in range(3):
                above = upper[left, k] + fx * (upper[right, k] - upper[left, k])
                below = lower[left, k] + fx * (lower[right, k] - lower[left, k])
                out[y, x, k] = above + fy * (below - above)


@numba.njit(cache=True, fastmath=True)
def shrink(fine, fine_labels, factor, out, labels):
    """Averages what was drawn over the backdrop in `out`; the commonest label wins."""
    high, wide = labels.shape
    counts = np.zeros(8, np.int64)
    share = np.float32(1 / (factor * factor))
    for y in range(high):
        for x in range(wide):
            red, green, blue, seen = np.float32(0), np.float32(0), np.float32(0), 0
            for i in range(y * factor, (y + 1) * factor):
                for j in range(x * factor, (x + 1) * factor):
                    if fine_labels[i, j]:
                        counts[fine_labels[i, j]] += 1
                        seen += 1
                        red += fine[i, j, 0]
                        green += fine[i, j, 1]
                        blue += fine[i, j, 2]
            labels[y, x] = 0
            if seen:
                left = 1 - seen * share
                out[y, x, 0] = out[y, x, 0] * left + red * share
                out[y, x, 1] = out[y, x, 1] * left + green * share
                out[y, x, 2] = out[y, x, 2] * left + blue * share
                counts[0] = factor * factor - seen
                labels[y, x] = counts.argmax()
                counts[:] = 0


@numba.njit(cache=True, fastmath=True)
def blur(picture, weights):
    """Blurs a picture in place by a separable lens; the edge repeats."""
    high, wide = picture.shape[0], picture.shape[1]
    reach = len(weights) // 2
    across = np.zeros_like(picture)
    for y in range(high):
        for x in range(wide):
            for i in range(len(weights)):
                at = min(max(x + i - reach, 0), wide - 1)
                for k in range(3):
                    across[y, x, k] += weights[i] * picture[y, at, k]
    picture[:] = 0
    for y in range(high):
        for i in range(len(weights)):
            at = min(max(y + i - reach, 0), high - 1)
            for x in range(wide):
                for k in range(3):
                    picture[y, x, k] += weights[i] * across[at, x, k]


@numba.njit(cache=True, fastmath=True)
def develop(picture, noise, strength, table, out):
    """Adds the sensor's noise and gamma, and writes bytes."""
    last = len(table) - 1
    for y in range(len(out)):
        for x in range(out.shape[1]):
            for k in range(3):
                value = picture[y, x, k] + strength * noise[y, x, k]
                out[y, x, k] = table[int(min(max(value, 0.0), 1.0) * last + 0.5)]
