// Turns a camera around a point: by mouse, touch and keyboard. z is up.

const TURN = 0.008;
const KEYS = {
  ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1],
};

/** The camera's place: azimuth and elevation (radians), distance and target (metres). */
export class Orbit {
  constructor(surface, camera, onchange) {
    Object.assign(this, { surface, camera, onchange });
    this.target = [0, 0, 0.9];
    this.reach = 3;
    this.pointers = new Map();
    this.home();
    surface.addEventListener("pointerdown", (event) => this.down(event));
    surface.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      surface.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
    surface.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    surface.addEventListener("contextmenu", (event) => event.preventDefault());
    surface.addEventListener("keydown", (event) => this.key(event));
  }

  /** Looks at a point from the front, so that what is that high and wide around it is in the picture. */
  frame(target, halfHeight, halfWidth) {
    this.target = [...target];
    this.centre = [...target];
    const slope = Math.tan((this.camera.fov * Math.PI) / 360);
    const far = Math.max(halfHeight / slope, halfWidth / (slope * this.camera.aspect));
    // Arms reach towards the camera, too.
    this.reach = 1.1 * far + 0.5 * halfWidth;
    this.home();
  }

  /** The view from where the camera of the video is: bodies look at -y. */
  home() {
    this.look(0, 0.12);
  }

  /** Looks from an angle around the body (0: the front) and above the floor. */
  look(azimuth, elevation) {
    Object.assign(this, { azimuth, elevation, distance: this.reach, target: [...(this.centre || this.target)] });
    this.place();
  }

  place() {
    const { azimuth, elevation, distance, target, camera } = this;
    camera.position.set(
      target[0] + distance * Math.cos(elevation) * Math.sin(azimuth),
      target[1] - distance * Math.cos(elevation) * Math.cos(azimuth),
      target[2] + distance * Math.sin(elevation),
    );
    camera.lookAt(target[0], target[1], target[2]);
    this.onchange();
  }

  turn(azimuth, elevation) {
    this.azimuth += azimuth;
    this.elevation = Math.min(1.5, Math.max(-0.3, this.elevation + elevation));
    this.place();
  }

  zoom(factor) {
    this.distance = Math.min(20, Math.max(0.6, this.distance * factor));
    this.place();
  }

  /** Moves the target in the plane of the picture, by pixels. */
  pan(dx, dy) {
    const scale = (this.distance * 0.9) / this.surface.clientHeight;
    this.target[0] -= scale * dx * Math.cos(this.azimuth);
    this.target[1] -= scale * dx * Math.sin(this.azimuth);
    this.target[2] += scale * dy;
    this.place();
  }

  down(event) {
    this.surface.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
    const other = [...this.pointers].find(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (other) {
      const [x, y] = other[1];
      const [near, far] = [Math.hypot(before[0] - x, before[1] - y), Math.hypot(event.clientX - x, event.clientY - y)];
      if (near > 0 && far > 0) this.zoom(near / far);
    } else if (event.shiftKey || event.buttons & 2) {
      this.pan(dx, dy);
    } else {
      this.turn(-TURN * dx, TURN * dy);
    }
  }

  wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(Math.sign(event.deltaY) * 0.1));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in KEYS) this.turn(...KEYS[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(0.9);
    else if (event.key === "-") this.zoom(1 / 0.9);
    else if (event.key === "Home") this.home();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
