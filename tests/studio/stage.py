"""Rooms, cameras and camera shake; draws the frames of a film off screen.

Stage axes: x right, y back (the audience sits at −y), z up, metres.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from popdanceset.errors import AssetError
from tests.studio import INSTALL
from tests.studio.casting import Colour, Performance

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

UP = np.array([0.0, 0.0, 1.0])

_SKIRT = 0.02
"""Metres that a skirt stands off from the trousers' cloth."""


@dataclass(frozen=True)
class Camera:
    """A camera on a stand, aimed at the middle of the stage.

    Attributes:
        azimuth: degrees round the stage; 0 in front, 90 on the audience's right.
        distance: metres from the middle, horizontally.
        height, aim: metres above the floor of the camera and of the point it looks at.
        angle: vertical field of view, degrees.
    """

    azimuth: float = 0.0
    distance: float = 3.6
    height: float = 1.15
    aim: float = 0.9
    angle: float = 40.0


@dataclass(frozen=True)
class Shot:
    """A part of a film with one camera."""

    seconds: float
    camera: Camera = Camera()


@dataclass(frozen=True)
class Room:
    """A furnished room.

    Attributes:
        wall, floor: base colours.
        accents: colours of pictures and furniture.
        floor_pattern: "planks", "tiles" or "mats".
        wall_pattern: "stripes", "bricks" or "panels".
        seed: draws pictures and furniture.
        lamp_swings: a hanging lamp swings and the light rises and falls slowly.
        bare: a plain hall with one picture and one box instead, evenly lit.
    """

    wall: Colour = (205, 200, 190)
    floor: Colour = (150, 115, 80)
    accents: tuple[Colour, ...] = ((120, 60, 40), (90, 130, 120))
    floor_pattern: str = "planks"
    wall_pattern: str = "stripes"
    seed: int = 0
    lamp_swings: bool = False
    bare: bool = False


@dataclass(frozen=True)
class Shake:
    """The motion of a hand-held camera, frame by frame.

    Attributes:
        turn: (frames, 3) degrees to the right, up, and clockwise.
        shift: (frames, 3) metres.
    """

    turn: Floats
    shift: Floats


def hand_held(
    frames: int, fps: int, seed: int, turn: float = 1.3, roll: float = 1.5, shift: float = 0.02
) -> Shake:
    """Returns camera shake with random phases and equal energy from 2 to 8 Hz.

    Args:
        turn, roll: standard deviation of the rotations, degrees.
        shift: standard deviation of the translations, metres.
    """
    rng = np.random.default_rng(seed)
    frequency = np.fft.rfftfreq(frames, 1 / fps)
    spectrum = np.exp(2j * np.pi * rng.random((6, len(frequency))))
    spectrum[:, (frequency < 2) | (frequency > 8)] = 0
    noise = np.fft.irfft(spectrum, frames, axis=1)
    noise /= noise.std(axis=1, keepdims=True)
    return Shake(noise[:3].T * (turn, turn, roll), noise[3:].T * shift)


def shoot(
    cast: Sequence[Performance],
    room: Room,
    shots: Sequence[Shot],
    size: tuple[int, int],
    fps: int,
    shake: Shake | None = None,
    sharp: bool = True,
) -> Iterator[Image]:
    """Renders the frames of a film.

    Args:
        cast: the dancers; may be none.
        size: width and height, pixels.
        sharp: smooth edges in a furnished room, which takes twice the time.

    Yields:
        (height, width, 3) uint8 RGB, one a frame.

    Raises:
        AssetError: the renderer is not installed.
    """
    pv = _renderer()
    floor, middle = floor_height(cast), centre(cast)
    plotter = pv.Plotter(off_screen=True, window_size=size, lighting="none")
    plotter.set_background((196, 190, 180))
    lamp = None
    if room.bare:
        _bare_hall(plotter, room, floor)
        lights = [((-2.0, -4.0, 4.0), 0.8), ((3.0, -3.0, 3.0), 0.45)]
    else:
        lamp = _furnished(plotter, room, floor)
        lights = [((-2.5, -4.0, 4.0), 0.75), ((3.5, -3.0, 3.5), 0.45), ((0.0, 4.0, 3.5), 0.25)]
        if sharp:
            plotter.enable_anti_aliasing("ssaa")
    lit = [(pv.Light(position=at, focal_point=(0, 0, 0), intensity=power), power) for at, power in lights]
    for light, _ in lit:
        plotter.add_light(light)

    bodies = [_Body(plotter, p, floor, shadow=not room.bare) for p in cast]
    cameras = [shot.camera for shot in shots for _ in range(round(shot.seconds * fps))]
    for frame, camera in enumerate(cameras):
        seconds = frame / fps
        for body in bodies:
            body.move(frame)
        if room.lamp_swings and lamp is not None:
            lamp.orientation = (0.0, 14 * np.sin(2 * np.pi * seconds / 2.3), 0.0)
            for light, power in lit:
                light.intensity = power * (1 + 0.18 * np.sin(2 * np.pi * seconds / 5))
        _aim(plotter.camera, camera, middle, shake, frame)
        plotter.render()
        yield np.array(plotter.screenshot(return_img=True))
    plotter.close()


def floor_height(cast: Sequence[Performance]) -> float:
    """Returns the height of the floor, on which the lowest point of all dancers stands, metres."""
    return min((float(p.vertices[..., 2].min()) for p in cast), default=0.0)


def centre(cast: Sequence[Performance]) -> Floats:
    """Returns the middle of the stage (3,), on the floor, which cameras aim at."""
    middle = np.mean([p.root.mean(axis=0) for p in cast], axis=0) if cast else np.zeros(3)
    middle[2] = floor_height(cast)
    return middle


def calibration(camera: Camera, middle: Floats, size: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Returns K (3, 3) in pixels, R (3, 3) and t (3,) of a camera on its stand: a point's place in the camera
    is R · point + t, in OpenCV's axes (x right, y down, z forward)."""
    place, ahead = _stand(camera, middle)
    forward = ahead / np.linalg.norm(ahead)
    right = np.cross(forward, UP) / np.linalg.norm(np.cross(forward, UP))
    axes = np.stack([right, np.cross(forward, right), forward])
    focal = size[1] / 2 / np.tan(np.radians(camera.angle) / 2)
    pinhole = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])
    return pinhole, axes, -axes @ place


class _Body:
    """A dancer's mesh on the stage, moved from frame to frame."""

    def __init__(self, plotter: Any, performance: Performance, floor: float, shadow: bool) -> None:
        pv = _renderer()
        self.performance, self.floor, self.plotter = performance, floor, plotter
        triangles = np.insert(performance.faces, 0, 3, axis=1).ravel()
        self.skin = pv.PolyData(performance.vertices[0], triangles)
        self.cloth = pv.PolyData(performance.vertices[0], triangles)
        self.cloth["colour"] = performance.colours
        self.shadow = plotter.add_mesh(_blot(), scalars="alpha", rgb=True, lighting=False) if shadow else None
        self.bun = pv.Sphere(radius=0.055) if performance.bun is not None else None

    def move(self, frame: int) -> None:
        p = self.performance
        points = p.vertices[frame]
        self.skin.points = points
        normals = _normals(self.skin)
        self.cloth.points = points + normals * p.padding[:, None]
        look = {"smooth_shading": True, "ambient": 0.25, "diffuse": 0.8, "specular": 0.1, "render": False}
        look |= {"reset_camera": False, "show_scalar_bar": False}
        self.plotter.add_mesh(self.cloth.copy(), name=f"body{id(self)}", scalars="colour", rgb=True, **look)
        if len(p.skirt):
            hung = self.cloth.points[p.skirt] + _SKIRT * normals[p.skirt]
            # Cloth spans the gap between the legs as the hull of what it hangs over.
            hull = np.insert(ConvexHull(hung).simplices, 0, 3, axis=1).ravel()
            skirt = _renderer().PolyData(hung, hull).compute_normals(auto_orient_normals=True)
            self.plotter.add_mesh(skirt, name=f"skirt{id(self)}", color=p.cloth, **look)
        if self.bun is not None and p.bun is not None:
            knot = self.bun.translate(points[p.bun] + 0.035 * normals[p.bun], inplace=False)
            self.plotter.add_mesh(knot, name=f"bun{id(self)}", color=p.hair, **look)
        if self.shadow is not None:
            # Darkest below the parts that are close to the floor.
            x, y, _ = np.average(points, axis=0, weights=np.exp((self.floor - points[:, 2]) / 0.4))
            self.shadow.position = (x, y, self.floor + 0.004)


def _blot() -> Any:
    """Returns a soft round shadow, which fades towards its edge."""
    disc = _renderer().Disc(inner=0.0, outer=0.55, r_res=12, c_res=36)
    away = np.linalg.norm(disc.points[:, :2], axis=1) / 0.55
    alpha = 150 * np.clip(1 - away**2, 0, 1)
    disc["alpha"] = np.column_stack([np.zeros((len(away), 3)), alpha]).astype(np.uint8)
    return disc


def _normals(mesh: Any) -> Floats:
    computed = mesh.compute_normals(
        cell_normals=False, split_vertices=False, consistent_normals=False, auto_orient_normals=False
    )
    return np.asarray(computed.point_data["Normals"])


def _aim(view: Any, camera: Camera, middle: Floats, shake: Shake | None, frame: int) -> None:
    (place, ahead), up = _stand(camera, middle), UP
    if shake is not None:
        right, above, clockwise = np.radians(shake.turn[frame])
        ahead = ahead / np.linalg.norm(ahead)
        across = np.cross(ahead, UP)
        upright = np.cross(across, ahead)
        ahead = ahead + np.tan(right) * across + np.tan(above) * upright
        up = np.cos(clockwise) * upright - np.sin(clockwise) * across
        place = place + shake.shift[frame]
    view.position, view.focal_point, view.up = place, place + ahead, up
    view.view_angle = camera.angle
    view.clipping_range = (0.1, 40.0)


def _stand(camera: Camera, middle: Floats) -> tuple[Floats, Floats]:
    """Returns where a camera is, and the direction (not of unit length) in which it looks."""
    angle = np.radians(camera.azimuth)
    away = camera.distance * np.array([np.sin(angle), -np.cos(angle), 0.0])
    place = middle + away + camera.height * UP
    return place, middle + camera.aim * UP - place


def _bare_hall(plotter: Any, room: Room, floor: float) -> None:
    pv = _renderer()
    plotter.add_mesh(pv.Plane(center=(0, 0, floor), i_size=12, j_size=12), color=room.floor)
    plotter.add_mesh(pv.Plane(center=(0, 2.5, 1), direction=(0, 1, 0), i_size=12, j_size=8), color=room.wall)
    box = pv.Cube(center=(1.5, 2.2, floor + 0.5), x_length=0.9, y_length=0.5, z_length=1.0)
    plotter.add_mesh(box, color=room.accents[0])
    picture = pv.Plane(center=(-1.2, 2.45, floor + 1.7), direction=(0, 1, 0), i_size=0.9, j_size=0.7)
    plotter.add_mesh(picture, color=room.accents[1])


def _furnished(plotter: Any, room: Room, floor: float) -> Any:
    """Adds walls, floor and furniture to the scene, and returns the hanging lamp."""
    pv = _renderer()
    rng = np.random.default_rng(room.seed)
    half, tall = 4.2, 3.4
    matt = {"ambient": 0.35, "diffuse": 0.65, "specular": 0.0}

    def paper(mesh: Any, image: Image) -> None:
        texture = pv.Texture(image)
        texture.interpolate, texture.mipmap, texture.repeat = True, True, True
        plotter.add_mesh(mesh, texture=texture, **matt)

    ground = pv.Plane(center=(0, 0, floor), i_size=2 * half, j_size=2 * half)
    paper(ground, floor_texture(room, rng))
    papered = wall_texture(room, rng)
    for quarter in range(4):
        # The wall behind the dancers first, then clockwise.
        turn = np.radians(90 * quarter)
        out = np.array([np.sin(turn), np.cos(turn), 0.0])
        along = np.array([np.cos(turn), -np.sin(turn), 0.0])

        def hung(centre: Floats, width: float, height: float, along: Floats = along) -> Any:
            sides = np.array([-along * width, along * width, along * width, -along * width]) / 2
            sides[:, 2] += np.array([-height, -height, height, height]) / 2
            sheet = pv.PolyData(centre + sides, np.array([4, 0, 1, 2, 3]))
            sheet.active_texture_coordinates = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
            return sheet

        paper(hung(out * half + (floor + tall / 2) * UP, 2 * half, tall), papered)
        for offset in (-2.6, -0.9, 0.8, 2.5):
            width, height = rng.uniform(0.6, 1.1, 2)
            centre = out * (half - 0.03) + along * (offset + rng.uniform(-0.2, 0.2))
            paper(hung(centre + (floor + rng.uniform(1.6, 2.2)) * UP, width, height), picture(room, rng))
        for offset in (-3.2, -1.7, 1.6, 3.1):
            _furniture(plotter, room, rng, out * (half - 0.45) + along * offset + floor * UP)
    cord = pv.Cylinder(center=(0, 0, -0.35), direction=(0, 0, 1), radius=0.015, height=0.7)
    shade = pv.Cone(center=(0, 0, -0.8), direction=(0, 0, 1), height=0.35, radius=0.3, resolution=24)
    lamp = plotter.add_mesh(cord.merge(shade), color=room.accents[0], **matt)
    # At the back, away from the dancers, where cameras in front can see it.
    lamp.position = (1.3, 1.8, floor + tall)
    return lamp


def _furniture(plotter: Any, room: Room, rng: np.random.Generator, place: Floats) -> None:
    """Returns a shelf of coloured boxes, a loudspeaker or a potted plant."""
    pv = _renderer()
    x, y, z = place
    matt = {"ambient": 0.35, "diffuse": 0.65, "specular": 0.0}

    def box(centre: tuple[float, float, float], size: tuple[float, float, float], colour: Colour) -> None:
        cube = pv.Cube(center=centre, x_length=size[0], y_length=size[1], z_length=size[2])
        plotter.add_mesh(cube, color=colour, **matt)

    kind = rng.integers(3)
    if kind == 0:
        for level in range(4):
            for slot in range(3):
                colour = room.accents[int(rng.integers(len(room.accents)))]
                size = rng.uniform(0.16, 0.24), rng.uniform(0.16, 0.24), rng.uniform(0.15, 0.28)
                box((x - 0.24 + 0.24 * slot, y - 0.24 + 0.24 * slot, z + 0.32 * level + 0.15), size, colour)
            box((x, y, z + 0.32 * level), (0.75, 0.75, 0.03), (92, 70, 52))
    elif kind == 1:
        box((x, y, z + 0.55), (0.5, 0.5, 1.1), (42, 42, 46))
        for height, radius in ((0.35, 0.21), (0.82, 0.13)):
            cone = pv.Sphere(center=(x, y, z + height), radius=radius + 0.14)
            plotter.add_mesh(cone, color=(95, 95, 100), **matt)
    else:
        pot = pv.Cylinder(center=(x, y, z + 0.2), direction=(0, 0, 1), radius=0.2, height=0.4)
        plotter.add_mesh(pot, color=room.accents[0], **matt)
        for _ in range(9):
            lean = np.array([*rng.normal(0, 0.35, 2), 1.0])
            leaf = pv.Cone(center=place + 0.35 * UP + 0.4 * lean, direction=lean, height=0.9, radius=0.07)
            plotter.add_mesh(leaf, color=(48, int(rng.integers(95, 150)), 62), **matt)


def floor_texture(room: Room, rng: np.random.Generator, side: int = 768) -> Image:
    """Draws a patterned floor, (side, side, 3) uint8."""
    row, column = np.indices((side, side))
    if room.floor_pattern == "planks":
        strip = column // 32
        plank = strip * 97 + (row + 131 * (strip % 5)) // 200
        seam = column % 32 == 0
    elif room.floor_pattern == "tiles":
        plank = (row // 64) * 31 + column // 64
        seam = (row % 64 < 2) | (column % 64 < 2)
    else:
        plank = ((row // 128) + (column // 128)) % 2
        seam = (row % 128 < 3) | (column % 128 < 3)
    shades = rng.uniform(0.80, 1.12, int(plank.max()) + 1)
    return _tinted(room.floor, np.where(seam, 0.62, shades[plank]))


def wall_texture(room: Room, rng: np.random.Generator, width: int = 1024, height: int = 512) -> Image:
    """Draws a wallpaper, (height, width, 3) uint8."""
    row, column = np.indices((height, width))
    if room.wall_pattern == "stripes":
        shade = np.where(column // 24 % 2 == 0, 1.0, 0.88)
    elif room.wall_pattern == "bricks":
        course = row // 24
        shifted = column + 24 * (course % 2)
        shades = rng.uniform(0.84, 1.1, (course.max() + 1, shifted.max() // 48 + 1))
        shade = np.where((row % 24 < 3) | (shifted % 48 < 3), 0.72, shades[course, shifted // 48])
    else:
        shade = np.where((column % 128 < 4) | (row % 170 < 4), 0.75, 1.0)
    shade = np.where(row > height - 24, 0.55, shade)
    return _tinted(room.wall, shade)


def picture(room: Room, rng: np.random.Generator, side: int = 128) -> Image:
    """Draws an abstract framed picture, (side, side, 3) uint8."""
    y, x = np.indices((side, side)) / side
    palette = np.array([*room.accents, (238, 232, 218), (40, 44, 56)], float)
    rng.shuffle(palette)
    image = np.tile(palette[0], (side, side, 1))
    for colour in palette[1:]:
        cx, cy, size = rng.uniform(0.15, 0.85, 3)
        shape = rng.integers(3)
        if shape == 0:
            where = np.hypot(x - cx, y - cy) < 0.35 * size
        elif shape == 1:
            where = (np.abs(x - cx) < 0.3 * size) & (np.abs(y - cy) < 0.4 * size)
        else:
            where = np.abs(y - cy - (x - cx) * rng.uniform(-2, 2)) < 0.12
        image[where] = colour
    edge = np.minimum.reduce([x, y, 1 - x, 1 - y]) < 0.05
    image[edge] = (70, 52, 38)
    return image.astype(np.uint8)


def _tinted(base: Colour, shade: Floats) -> Image:
    return np.clip(np.array(base) * shade[..., None], 0, 255).astype(np.uint8)


@functools.cache
def _renderer() -> Any:
    try:
        import pyvista
    except ImportError as error:
        raise AssetError("the renderer is missing", "pyvista", INSTALL) from error
    return pyvista
