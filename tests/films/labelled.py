"""Makes videos whose faults are known, from the dancer videos that ship with the simulator.

A shipped film is laid on a large patterned wall, its edges blended away; a camera with a known path looks at
it. Cuts, dissolves, fades, flashes, bars, tables, captions and seams are put in afterwards. The same seed
gives the same films, whatever other kinds there are.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from popdanceset.media import frames
from popdanceset.simulator.casting import read_media

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

FPS = 30
WIDTH, HEIGHT = 640, 360
CANVAS = (1500, 760)  # pixels
DIAGONAL = float(np.hypot(WIDTH, HEIGHT))

DANCERS = {
    "dance_a": (0.0, 5.0),
    "dance_b": (0.0, 5.0),
    "dance_c": (0.1, 5.4),
    "dance_c2": (5.8, 10.8),
    "dance_d": (0.0, 8.0),
}
"""Shots with one dancer: seconds of the video of that name (without its digit)."""


@dataclass(frozen=True)
class Labelled:
    """A video and what is true of it.

    Attributes:
        name: kind and number.
        reason: why no clip may come of it; empty if one must.
        cuts: times of hard cuts, seconds.
        blends: starts and ends of dissolves and fades, seconds.
        make: gives its pictures.
    """

    name: str
    reason: str
    cuts: tuple[float, ...]
    blends: tuple[tuple[float, float], ...]
    make: Callable[[], Iterable[Image]]


@functools.cache
def shot(name: str) -> tuple[Image, ...]:
    """The frames of a shipped shot, reduced to 330 rows."""
    start, end = DANCERS.get(name, (0.0, 99.0))
    path = read_media()[name.rstrip("0123456789")].path
    return tuple(f.image for f in frames(path, height=330) if start <= f.time < end)


@functools.lru_cache(8)
def wall(seed: int) -> Image:
    """A patterned wall, (height, width, 3) of `CANVAS`: corners everywhere, two scales, one tint."""
    rng = np.random.default_rng(seed)
    width, height = CANVAS
    fine = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 3)
    coarse = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 25)
    grey = rng.uniform(90, 160) + 18 * fine / fine.std() + 28 * coarse / coarse.std()
    return np.clip(grey[..., None] * rng.uniform(0.75, 1.1, 3), 0, 255).astype(np.uint8)


def on_stage(image: Image, wall: Image, x: float = 0.5, scale: float = 1.0) -> Image:
    """A frame laid on the wall, its edges blended; `x` is its centre as a share of the canvas."""
    canvas = wall.copy()
    if scale != 1:
        image = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    height, width = image.shape[:2]
    edge = 24
    ramp_y = np.minimum(np.arange(height), np.arange(height)[::-1]) / edge
    ramp_x = np.minimum(np.arange(width), np.arange(width)[::-1]) / edge
    weight = np.clip(np.minimum(ramp_y[:, None], ramp_x), 0, 1)[..., None]
    top, left = (CANVAS[1] - height) // 2, round(x * CANVAS[0] - width / 2)
    there = canvas[top : top + height, left : left + width]
    canvas[top : top + height, left : left + width] = (weight * image + (1 - weight) * there).astype(np.uint8)
    return canvas


@dataclass(frozen=True)
class Camera:
    """Its path: `shift` (n, 2) pixels right and down, `scale` (n,) magnification, `turn` (n,) radians."""

    shift: Floats
    scale: Floats
    turn: Floats

    @classmethod
    def still(cls, count: int) -> Camera:
        return cls(np.zeros((count, 2)), np.ones(count), np.zeros(count))

    def look(self, canvas: Image, n: int) -> Image:
        """What it sees of the canvas in picture `n`."""
        cos, sin = np.cos(self.turn[n]) * self.scale[n], np.sin(self.turn[n]) * self.scale[n]
        turn = np.array([[cos, -sin], [sin, cos]])
        middle = np.array(CANVAS) / 2 + self.shift[n]
        matrix = np.column_stack([turn, np.array([WIDTH, HEIGHT]) / 2 - turn @ middle])
        seen = cv2.warpAffine(
            canvas, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        return np.asarray(seen, np.uint8)


def played(name: str, n: int) -> Image:
    """Frame `n` of a shot that runs to and fro."""
    pictures = shot(name)
    n %= 2 * len(pictures) - 2
    return pictures[min(n, 2 * len(pictures) - 2 - n)]


def filmed(name: str, camera: Camera, seed: int, begin: int = 0, scale: float = 1.0) -> Iterator[Image]:
    """A dancer in front of a wall, seen by a camera."""
    background = wall(seed)
    for n in range(len(camera.scale)):
        yield camera.look(on_stage(played(name, begin + n), background, scale=scale), n)


def hand(count: int, rng: np.random.Generator, amplitude: float) -> Floats:
    """Shake (count, 2), pixels: equal energy from 3 to 8 Hz; root mean square `amplitude` diagonals."""
    spectrum = np.fft.rfft(rng.standard_normal((count, 2)), axis=0)
    frequency = np.fft.rfftfreq(count, 1 / FPS)
    spectrum[(frequency < 3) | (frequency > 8)] = 0
    path = np.fft.irfft(spectrum, count, axis=0)
    path *= amplitude * DIAGONAL / np.sqrt((path**2).sum(1).mean())
    return np.asarray(path)


def spliced(parts: list[list[Image]], mix: int) -> list[Image]:
    """Shots one after the other; neighbours are mixed over `mix` frames; 0: a cut."""
    film = list(parts[0])
    for part in parts[1:]:
        if not mix:
            film += part
            continue
        tail, head = film[-mix:], part[:mix]
        shares = (np.arange(mix) + 1) / (mix + 1)
        mixed = [
            cv2.addWeighted(a, float(1 - s), b, float(s), 0)
            for a, b, s in zip(tail, head, shares, strict=True)
        ]
        film = film[:-mix] + [np.asarray(image, np.uint8) for image in mixed] + part[mix:]
    return film


def dimmed(image: Image, share: float, colour: int) -> Image:
    """A frame on its way to one colour: `share` 1 leaves it, 0 is the colour."""
    return np.asarray(cv2.addWeighted(image, share, np.full_like(image, colour), 1 - share, 0), np.uint8)


def labelled(count: int, seed: int) -> list[Labelled]:
    """At least one video of each kind, `count` in all if that is more, the kinds in turn."""
    kinds = list(KINDS)
    return [
        KINDS[kinds[n % len(kinds)]](
            f"{kinds[n % len(kinds)]}_{n // len(kinds)}",
            n // len(kinds),
            np.random.default_rng([seed, zlib.crc32(kinds[n % len(kinds)].encode()), n // len(kinds)]),
        )
        for n in range(count)
    ]


def _dancer(rng: np.random.Generator) -> str:
    return str(rng.choice(list(DANCERS)))


def _single(name: str, reason: str, rng: np.random.Generator, camera: Camera, scale: float = 1.0) -> Labelled:
    who, seed, begin = _dancer(rng), int(rng.integers(1 << 30)), int(rng.integers(60))
    return Labelled(name, reason, (), (), lambda: filmed(who, camera, seed, begin, scale))


def _length(rng: np.random.Generator) -> int:
    return int(rng.integers(150, 181))


def clean(name: str, number: int, rng: np.random.Generator) -> Labelled:
    return _single(name, "", rng, Camera.still(_length(rng)), rng.uniform(0.8, 1.0))


def little_shake(name: str, number: int, rng: np.random.Generator) -> Labelled:
    camera = Camera.still(_length(rng))
    camera.shift[:] = hand(len(camera.scale), rng, rng.uniform(0.0003, 0.0013))
    return _single(name, "", rng, camera)


def shake(name: str, number: int, rng: np.random.Generator) -> Labelled:
    camera = Camera.still(_length(rng))
    camera.shift[:] = hand(len(camera.scale), rng, np.exp(rng.uniform(np.log(0.003), np.log(0.015))))
    return _single(name, "camera_shake", rng, camera)


def _swing(count: int, rng: np.random.Generator, speed: float, period: float) -> Floats:
    """A path (count,) to and fro that reaches a speed (1/s)."""
    angle = 2 * np.pi * np.arange(count) / FPS / period + rng.uniform(0, 2 * np.pi)
    return np.asarray(speed * period / (2 * np.pi) * np.sin(angle))


def slow_pan(name: str, number: int, rng: np.random.Generator) -> Labelled:
    camera = Camera.still(_length(rng))
    camera.shift[:, 0] = DIAGONAL * _swing(len(camera.scale), rng, rng.uniform(0.03, 0.1), 6.0)
    return _single(name, "", rng, camera, 0.9)


def fast_pan(name: str, number: int, rng: np.random.Generator) -> Labelled:
    camera = Camera.still(_length(rng))
    path = _swing(len(camera.scale), rng, rng.uniform(0.4, 0.8), rng.uniform(2.4, 3.4))
    camera.shift[:, 0] = DIAGONAL * path
    return _single(name, "camera_pan", rng, camera)


def slow_zoom(name: str, number: int, rng: np.random.Generator) -> Labelled:
    camera = Camera.still(_length(rng))
    way = np.linspace(-0.5, 0.5, len(camera.scale)) * rng.choice([-1, 1])
    camera.scale[:] = 0.88 * np.exp(way * rng.uniform(0.1, 0.35))
    return _single(name, "", rng, camera)


def fast_zoom(name: str, number: int, rng: np.random.Generator) -> Labelled:
    camera = Camera.still(_length(rng))
    camera.scale[:] = np.exp(_swing(len(camera.scale), rng, rng.uniform(0.45, 0.9), rng.uniform(2.0, 3.2)))
    return _single(name, "camera_zoom", rng, camera)


def flashes(name: str, number: int, rng: np.random.Generator) -> Labelled:
    count = _length(rng)
    base = _single(name, "", rng, Camera.still(count), 0.95)
    light = np.zeros(count)
    for at in np.linspace(20, count - 30, int(rng.integers(1, 5))).astype(int) + rng.integers(10):
        length, power = int(rng.integers(1, 5)), rng.uniform(0.5, 1.0)
        light[at : at + length] = power * np.linspace(1, 0.3, length)

    def make() -> Iterator[Image]:
        for n, image in enumerate(base.make()):
            yield dimmed(image, 1 - light[n], 255) if light[n] else image

    return Labelled(name, "", (), (), make)


def _parts(lengths: list[int], rng: np.random.Generator) -> Callable[[], list[list[Image]]]:
    """Shots of different dancers in front of different walls."""
    order = rng.permutation(list(DANCERS))
    seeds = rng.integers(1 << 30, size=len(lengths))
    begins = rng.integers(60, size=len(lengths))
    scales = rng.uniform(0.8, 1.0, len(lengths))

    def make() -> list[list[Image]]:
        return [
            list(
                filmed(str(order[k % len(order)]), Camera.still(n), int(seeds[k]), int(begins[k]), scales[k])
            )
            for k, n in enumerate(lengths)
        ]

    return make


def one_cut(name: str, number: int, rng: np.random.Generator) -> Labelled:
    lengths = [int(n) for n in rng.integers(130, 150, 2)]
    parts = _parts(lengths, rng)
    return Labelled(name, "", (lengths[0] / FPS,), (), lambda: spliced(parts(), 0))


def one_dissolve(name: str, number: int, rng: np.random.Generator) -> Labelled:
    mix = int(rng.integers(8, 36))
    lengths = [int(n) + mix for n in rng.integers(150, 165, 2)]
    parts = _parts(lengths, rng)
    blend = ((lengths[0] - mix) / FPS, lengths[0] / FPS)
    return Labelled(name, "", (), (blend,), lambda: spliced(parts(), mix))


def many_cuts(name: str, number: int, rng: np.random.Generator) -> Labelled:
    lengths = [int(n) for n in rng.integers(15, 80, int(rng.integers(3, 6)))]
    parts = _parts(lengths, rng)
    times = tuple((np.cumsum(lengths[:-1]) / FPS).tolist())
    # Else the film itself would be too short to tell.
    if sum(lengths) < 135:
        return many_cuts(name, number, rng)
    return Labelled(name, "camera_cuts", times, (), lambda: spliced(parts(), 0))


def many_dissolves(name: str, number: int, rng: np.random.Generator) -> Labelled:
    mix = int(rng.integers(8, 36))
    lengths = [int(n) + 2 * mix for n in rng.integers(30, 50, 3)]
    parts = _parts(lengths, rng)
    ends = np.cumsum([n - mix for n in lengths])[:-1] + mix
    blends = tuple(((end - mix) / FPS, end / FPS) for end in ends.tolist())
    return Labelled(name, "camera_cuts", (), blends, lambda: spliced(parts(), mix))


def many_fades(name: str, number: int, rng: np.random.Generator) -> Labelled:
    ramp, dark = int(rng.integers(6, 24)), int(rng.integers(1, 8))
    colour = int(rng.choice([0, 255]))
    lengths = [int(n) + 2 * ramp for n in rng.integers(36, 60, 3)]
    parts = _parts(lengths, rng)
    blends, at = [], 0
    for length in lengths[:-1]:
        at += length
        blends.append(((at - ramp) / FPS, (at + dark + ramp) / FPS))
        at += dark

    def make() -> Iterator[Image]:
        shots = parts()
        shares = (np.arange(ramp) + 1) / (ramp + 1)
        for k, pictures in enumerate(shots):
            for n, image in enumerate(pictures):
                share = 1.0
                if k > 0 and n < ramp:
                    share = float(shares[n])
                if k < len(shots) - 1 and n >= len(pictures) - ramp:
                    share = float(shares[len(pictures) - 1 - n])
                yield dimmed(image, share, colour) if share < 1 else image
            if k < len(shots) - 1:
                yield from [np.full((HEIGHT, WIDTH, 3), colour, np.uint8)] * dark

    return Labelled(name, "camera_cuts", (), tuple(blends), make)


def two_dancers(name: str, number: int, rng: np.random.Generator) -> Labelled:
    count, seed, begin = _length(rng), int(rng.integers(1 << 30)), int(rng.integers(60))
    if number % 2:
        camera = Camera.still(count)
        return Labelled(name, "several_dancers", (), (), lambda: filmed("two_dancers", camera, seed, begin))
    left, right = (str(w) for w in rng.choice(["dance_a", "dance_b", "dance_c", "dance_d"], 2, replace=False))
    reach, scales = rng.uniform(0.1, 0.13), rng.uniform(0.75, 0.95, 2)

    def make() -> Iterator[Image]:
        camera, background = Camera.still(count), wall(seed)
        for n in range(count):
            stage = on_stage(_cropped(played(left, begin + n)), background, 0.5 - reach, scales[0])
            yield camera.look(on_stage(_cropped(played(right, n)), stage, 0.5 + reach, scales[1]), n)

    return Labelled(name, "several_dancers", (), (), make)


def _cropped(image: Image) -> Image:
    """The middle of a frame, 280 pixels wide."""
    spare = max(0, image.shape[1] - 280) // 2
    return np.ascontiguousarray(image[:, spare : image.shape[1] - spare])


def half_body(name: str, number: int, rng: np.random.Generator) -> Labelled:
    camera = Camera.still(_length(rng))
    scale = rng.uniform(1.8, 2.4)
    camera.scale[:] = scale
    # The hips lie in the middle of the shots: the picture ends a little above or below them.
    camera.shift[:, 1] = -rng.uniform(0.32, 0.45) * HEIGHT / scale
    return _single(name, "not_whole", rng, camera)


def still(name: str, number: int, rng: np.random.Generator) -> Labelled:
    count, grain = _length(rng), float(rng.choice([0.0, 1.0, 2.0]))
    base = _single(name, "still_picture", rng, Camera.still(1), 0.95)
    noise = np.random.default_rng(number)

    def make() -> Iterator[Image]:
        (image,) = base.make()
        for _ in range(count):
            rough = image + grain * noise.standard_normal(image.shape) if grain else image
            yield np.clip(rough, 0, 255).astype(np.uint8)

    return Labelled(name, "still_picture", (), (), make)


def black(name: str, number: int, rng: np.random.Generator) -> Labelled:
    level, grain = int(rng.integers(0, 25)), rng.uniform(0, 2)
    count = _length(rng)

    def make() -> Iterator[Image]:
        noise = np.random.default_rng(number)
        for _ in range(count):
            rough = level + grain * noise.standard_normal((HEIGHT, WIDTH, 1))
            yield np.clip(np.repeat(rough, 3, 2), 0, 255).astype(np.uint8)

    return Labelled(name, "blank_picture", (), (), make)


def nobody(name: str, number: int, rng: np.random.Generator) -> Labelled:
    camera, seed = Camera.still(_length(rng)), int(rng.integers(1 << 30))
    camera.shift[:, 0] = DIAGONAL * _swing(len(camera.scale), rng, rng.uniform(0.02, 0.08), 6.0)
    return Labelled(name, "no_dancer", (), (), lambda: filmed("nobody", camera, seed))


def _panels(rng: np.random.Generator, layout: int) -> list[tuple[int, int, int, int]]:
    """Places (left, top, width, height) of the panels of a layout, and the breadth of the lines between."""
    line = int(rng.choice([0, 0, 2, 4, 6])) * 2
    columns, rows = ((2, 1), (3, 1), (1, 2), (2, 2))[layout % 4]
    width = (WIDTH - line * (columns - 1)) // columns // 2 * 2
    height = (HEIGHT - line * (rows - 1)) // rows // 2 * 2
    corners = [(c * (width + line), r * (height + line)) for r in range(rows) for c in range(columns)]
    return [(x, y, width, height) for x, y in corners]


def _for_panel(count: int, height: int) -> Camera:
    """A still camera that shows the dancer as high as a panel is."""
    camera = Camera.still(count)
    camera.scale[:] = height / HEIGHT
    return camera


def _middle(image: Image, width: int, height: int) -> Image:
    left, top = (WIDTH - width) // 2, (HEIGHT - height) // 2
    return image[top : top + height, left : left + width]


def split(name: str, number: int, rng: np.random.Generator) -> Labelled:
    """Two, three or four panels, each with a dancer of its own."""
    places = _panels(rng, number)
    count, seeds = _length(rng), rng.integers(1 << 30, size=len(places))
    who = [str(w) for w in rng.choice(list(DANCERS), len(places), replace=False)]
    scales, colour = rng.uniform(0.85, 1.0, len(places)), int(rng.choice([0, 255]))

    def make() -> Iterator[Image]:
        camera = _for_panel(count, places[0][3])
        films = [
            filmed(w, camera, int(s), 20 * k, f)
            for k, (w, s, f) in enumerate(zip(who, seeds, scales, strict=True))
        ]
        for pictures in zip(*films, strict=True):
            image = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
            for picture, (x, y, width, height) in zip(pictures, places, strict=True):
                image[y : y + height, x : x + width] = _middle(picture, width, height)
            yield image

    return Labelled(name, "split_screen", (), (), make)


def twins(name: str, number: int, rng: np.random.Generator) -> Labelled:
    """One dancer shown two to four times, some of them mirrored; no seam need be visible."""
    places = _panels(rng, number)
    camera = _for_panel(_length(rng), places[0][3])
    base = _single(name, "split_screen", rng, camera, rng.uniform(0.85, 1.0))
    mirrored = rng.random(len(places)) < 0.5

    def make() -> Iterator[Image]:
        for picture in base.make():
            image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            for (x, y, width, height), turned in zip(places, mirrored, strict=True):
                part = _middle(picture, width, height)
                image[y : y + height, x : x + width] = part[:, ::-1] if turned else part
            yield image

    return Labelled(name, "split_screen", (), (), make)


def uprights(name: str, number: int, rng: np.random.Generator) -> Labelled:
    """Straight lines that do not divide the frame: a door, a pole, the edge of a wall, a stage with like
    sides, a picture between blurred margins."""
    base = _single(name, "", rng, Camera.still(_length(rng)), 0.9)
    x = round(WIDTH * (rng.uniform(0.2, 0.3) if rng.random() < 0.5 else rng.uniform(0.7, 0.8)))
    floor = round(HEIGHT * rng.uniform(0.84, 0.9))
    colour, light = rng.integers(20, 236, 3), float(rng.choice([0.45, 1.6]))
    breadth = int(rng.integers(8, 20))

    def door(image: Image) -> None:
        cv2.rectangle(image, (x - 35, 50), (x + 35, floor), colour.tolist(), 8)

    def pole(image: Image) -> None:
        shade = np.sin(np.linspace(0.4, np.pi - 0.4, breadth))[None, :, None] * colour
        image[:floor, x : x + breadth] = shade.astype(np.uint8)

    def wall_edge(image: Image) -> None:
        side = image[:floor, :x] if x < WIDTH / 2 else image[:floor, x:]
        side[:] = np.clip(side * light, 0, 255)

    def margins(image: Image) -> None:
        spare = WIDTH // 5
        wide = cv2.GaussianBlur(cv2.resize(image, None, fx=1.6, fy=1.6), (0, 0), 12)
        top, left = (wide.shape[0] - HEIGHT) // 2, (wide.shape[1] - WIDTH) // 2
        behind = wide[top : top + HEIGHT, left : left + WIDTH] * 0.6
        image[:, :spare], image[:, -spare:] = behind[:, :spare], behind[:, -spare:]

    def stage(image: Image) -> None:
        half = mirror[:, : WIDTH // 2 - 130]
        image[:, : half.shape[1]], image[:, -half.shape[1] :] = half, half[:, ::-1]

    mirror = wall(int(rng.integers(1 << 30)))[:HEIGHT, :WIDTH]
    draw = (door, pole, wall_edge, stage, margins)[number % 5]

    def make() -> Iterator[Image]:
        for image in base.make():
            draw(image)
            yield image

    return Labelled(name, "", (), (), make)


def tiny(name: str, number: int, rng: np.random.Generator) -> Labelled:
    """Somebody far away."""
    who = str(rng.choice(["dance_a", "dance_b", "dance_c"]))
    camera, seed, begin = Camera.still(_length(rng)), int(rng.integers(1 << 30)), int(rng.integers(60))
    scale = rng.uniform(0.3, 0.34)
    return Labelled(name, "too_small", (), (), lambda: filmed(who, camera, seed, begin, scale))


def table(name: str, number: int, rng: np.random.Generator) -> Labelled:
    """Something in front of the dancer's legs: a table, or a caption across the frame."""
    base = _single(name, "occluded", rng, Camera.still(_length(rng)), 0.95)
    colour = rng.integers(20, 236, 3).tolist()
    top = round(HEIGHT * rng.uniform(0.6, 0.64))
    end = HEIGHT if number % 2 else top + round(HEIGHT * rng.uniform(0.2, 0.26))
    left = 0 if number % 2 == 0 else round(WIDTH * rng.uniform(0.1, 0.2))

    def make() -> Iterator[Image]:
        for image in base.make():
            cv2.rectangle(image, (left, top), (WIDTH - left, end), colour, -1)
            if end < HEIGHT:
                ink = [255 - c for c in colour]
                cv2.putText(
                    image, "FOLLOW FOR MORE", (60, (top + end) // 2 + 12), 0, 1.4, ink, 3, cv2.LINE_AA
                )
            yield image

    return Labelled(name, "occluded", (), (), make)


def caption(name: str, number: int, rng: np.random.Generator) -> Labelled:
    """A line of text and a sign in the corner, next to the dancer or below."""
    base = _single(name, "", rng, Camera.still(_length(rng)), 0.85)
    ink = rng.integers(150, 256, 3).tolist()
    y = int(rng.choice([24, HEIGHT - 8]))

    def make() -> Iterator[Image]:
        for image in base.make():
            cv2.putText(image, "choreography by nobody, 2024", (130, y), 0, 0.7, ink, 2, cv2.LINE_AA)
            cv2.putText(image, "DANCE TV", (WIDTH - 110, 60), 0, 0.6, ink, 2, cv2.LINE_AA)
            yield image

    return Labelled(name, "", (), (), make)


def _plain(name: str, reason: str, number: int, rng: np.random.Generator, amplitude: float) -> Labelled:
    """A dancer in front of a plain wall: a faint gradient, a skirting board, perhaps a picture."""
    count, begin, who = _length(rng), int(rng.integers(60)), str(rng.choice(["dance_a", "dance_b"]))
    camera = Camera.still(count)
    camera.shift[:] = hand(count, rng, amplitude) if amplitude else 0.0
    tone, slope, scale = rng.uniform(120, 200, 3), rng.uniform(10, 25), rng.uniform(0.85, 1.0)
    height, width = CANVAS[1], CANVAS[0]
    canvas = tone + slope * np.linspace(-1, 1, width)[None, :, None] + np.zeros((height, 1, 1))
    board = height // 2 + int(rng.integers(90, 120))
    canvas[board:] = 0.6 * tone
    canvas[board - 8 : board] = np.minimum(1.2 * tone, 255)
    if number % 2:
        left = width // 2 + int(rng.choice([-1, 1])) * int(rng.integers(190, 230))
        canvas[height // 2 - 110 : height // 2 - 40, left : left + 50] = 0.5 * tone[::-1]
    background = np.clip(canvas, 0, 255).astype(np.uint8)

    def make() -> Iterator[Image]:
        for n in range(count):
            yield camera.look(_placed(who, begin + n, background, board, scale), n)

    return Labelled(name, reason, (), (), make)


@functools.cache
def _empty(name: str) -> Image:
    """A shot's set without its dancer, who is darker than the walls and seldom long in one place."""
    return np.asarray(np.percentile(np.stack(shot(name)[::4]), 75, axis=0), np.uint8)


def _placed(name: str, n: int, background: Image, board: int, scale: float) -> Image:
    """The dancer of a shot, cut out of the set, before another background; the feet below `board`."""
    image = played(name, n)
    unlike = np.abs(image.astype(np.int16) - _empty(name)).max(2).astype(np.float32)
    soft = np.clip((cv2.GaussianBlur(unlike, (0, 0), 1) - 10) / 20, 0, 1)
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    weight = cv2.resize(soft, size, interpolation=cv2.INTER_AREA)[..., None]
    canvas = background.copy()
    top, left = (CANVAS[1] - size[1]) // 2, (CANVAS[0] - size[0]) // 2
    there = canvas[top : top + size[1], left : left + size[0]]
    there[:] = (weight * image + (1 - weight) * there).astype(np.uint8)
    return canvas


def plain(name: str, number: int, rng: np.random.Generator) -> Labelled:
    return _plain(name, "", number, rng, float(rng.choice([0.0, rng.uniform(0.0003, 0.0013)])))


def plain_shake(name: str, number: int, rng: np.random.Generator) -> Labelled:
    return _plain(name, "camera_shake", number, rng, float(np.exp(rng.uniform(np.log(0.004), np.log(0.015)))))


def bars(name: str, number: int, rng: np.random.Generator) -> Labelled:
    base = _single(name, "", rng, Camera.still(_length(rng)), 0.8)
    share = rng.uniform(0.05, 0.1)

    def make() -> Iterator[Image]:
        for image in base.make():
            edge = round(share * HEIGHT)
            image[:edge] = image[-edge:] = 0
            yield image

    return Labelled(name, "", (), (), make)


KINDS: dict[str, Callable[[str, int, np.random.Generator], Labelled]] = {
    kind.__name__: kind
    for kind in (
        clean, many_cuts, shake, two_dancers, little_shake, many_dissolves, fast_pan, half_body, flashes,
        many_fades, fast_zoom, still, slow_pan, one_cut, black, nobody, slow_zoom, one_dissolve, split, bars,
        twins, uprights, tiny, table, caption, plain, plain_shake,
    )
}  # fmt: skip
"""How each kind of film is made: name, number among its kind, random numbers."""


def write(
    path: Path, pictures: Iterable[Image], size: tuple[int, int] = (WIDTH, HEIGHT), **options: Any
) -> Path:
    """Writes a film without sound; the name appears when it is complete."""
    partial = path.with_name(f".{path.name}.part")
    with av.open(str(partial), "w", format="mp4") as out:
        track = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"} | options)
        track.width, track.height = size
        track.pix_fmt = "yuv420p"
        for image in pictures:
            if image.shape[1::-1] != size:
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
            out.mux(track.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")))
        out.mux(track.encode())
    partial.replace(path)
    return path
