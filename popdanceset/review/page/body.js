// The 3D body: tapered limbs between the 24 joints of SMPL, left orange and right blue, on a floor of squares.

import * as THREE from "./vendor/three.module.min.js";
import { Orbit } from "./orbit.js";

const JOINTS = 24;
const LEFT = new Set([1, 4, 7, 10, 13, 16, 18, 20, 22]);
const RIGHT = new Set([2, 5, 8, 11, 14, 17, 19, 21, 23]);
const TOES = [10, 11];
// Radii of a limb at its parent and at its child, metres, by the child's joint.
const RADII = {
  1: [0.08, 0.085], 2: [0.08, 0.085], 3: [0.1, 0.1], 4: [0.08, 0.055], 5: [0.08, 0.055], 6: [0.1, 0.105],
  7: [0.055, 0.035], 8: [0.055, 0.035], 9: [0.105, 0.11], 10: [0.035, 0.025], 11: [0.035, 0.025],
  12: [0.09, 0.05], 13: [0.08, 0.06], 14: [0.08, 0.06], 15: [0.05, 0.05], 16: [0.06, 0.055], 17: [0.06, 0.055],
  18: [0.05, 0.04], 19: [0.05, 0.04], 20: [0.04, 0.028], 21: [0.04, 0.028], 22: [0.028, 0.02], 23: [0.028, 0.02],
};
const HEAD = 15;
const COLOURS = { left: 0xff8c00, right: 0x00aaff, middle: 0x9aa4af };

function sideOf(joint) {
  return LEFT.has(joint) ? "left" : RIGHT.has(joint) ? "right" : "middle";
}

/** One body of meshes; its joints are where the motion says. */
class Figure {
  constructor(parents) {
    this.group = new THREE.Group();
    this.parents = parents;
    this.materials = Object.fromEntries(
      Object.entries(COLOURS).map(([side, color]) => [side, new THREE.MeshLambertMaterial({ color })]),
    );
    const ball = new THREE.SphereGeometry(1, 20, 14);
    this.joints = parents.map((_, joint) => {
      const mesh = new THREE.Mesh(ball, this.materials[sideOf(joint)]);
      mesh.scale.setScalar(joint === HEAD ? 0.11 : (RADII[joint] || [0, 0.1])[1]);
      this.group.add(mesh);
      return mesh;
    });
    this.limbs = parents.map((parent, joint) => {
      if (parent < 0) return null;
      const [near, far] = RADII[joint] || [0.04, 0.04];
      const mesh = new THREE.Mesh(new THREE.CylinderGeometry(far, near, 1, 20, 1, true), this.materials[sideOf(joint)]);
      this.group.add(mesh);
      return mesh;
    });
    const disc = new THREE.CircleGeometry(0.13, 24);
    this.marks = TOES.map((joint) => {
      const material = new THREE.MeshBasicMaterial({ color: COLOURS[sideOf(joint)], transparent: true, opacity: 0.6 });
      const mesh = new THREE.Mesh(disc, material);
      mesh.visible = false;
      this.group.add(mesh);
      return mesh;
    });
    this.from = new THREE.Vector3();
    this.along = new THREE.Vector3();
    this.up = new THREE.Vector3(0, 1, 0);
  }

  /** Poses it: numbers of all frames, and whether the feet touch the floor. */
  pose(numbers, frame, contacts) {
    const first = frame * JOINTS * 3;
    this.joints.forEach((mesh, joint) => mesh.position.fromArray(numbers, first + 3 * joint));
    this.limbs.forEach((mesh, joint) => {
      if (!mesh) return;
      const child = this.joints[joint].position;
      this.from.copy(this.joints[this.parents[joint]].position);
      this.along.subVectors(child, this.from);
      const length = this.along.length();
      mesh.visible = length > 1e-6;
      if (!mesh.visible) return;
      mesh.position.copy(this.from).addScaledVector(this.along, 0.5);
      mesh.quaternion.setFromUnitVectors(this.up, this.along.divideScalar(length));
      mesh.scale.set(1, length, 1);
    });
    this.marks.forEach((mesh, side) => {
      mesh.visible = Boolean(contacts && contacts[side] && contacts[side][frame]);
      const foot = this.joints[TOES[side]].position;
      mesh.position.set(foot.x, foot.y, 0.004 + this.floor);
    });
  }

  /** Where its joints are in the scene, [x, y, z] each, metres. */
  positions() {
    this.group.updateMatrixWorld(true);
    return this.joints.map((mesh) => mesh.getWorldPosition(new THREE.Vector3()).toArray());
  }
}

/** The scene with one body, or two side by side. */
export class Body {
  constructor(canvas) {
    this.canvas = canvas;
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(35, 1, 0.05, 60);
    this.camera.up.set(0, 0, 1);
    this.figures = [];
    this.motions = [];
    this.frame = 0;
    this.scene.add(new THREE.HemisphereLight(0xffffff, 0x777777, 2.2));
    const sun = new THREE.DirectionalLight(0xffffff, 1.6);
    sun.position.set(1.5, -3, 4);
    this.scene.add(sun);
    this.tiles = floorLines();
    this.scene.add(this.tiles);
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
    this.renderer.setScissorTest(true);
    this.orbit = new Orbit(canvas, this.camera, () => this.later());
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    this.paint();
  }

  /** Takes colours from the style sheet. */
  paint() {
    const style = getComputedStyle(document.documentElement);
    this.renderer.setClearColor(new THREE.Color(style.getPropertyValue("--stage").trim()));
    this.tiles.material.color.set(style.getPropertyValue("--floor").trim());
    this.later();
  }

  /**
   * Shows motions side by side: each Float32Array (frames, 24, 3) in metres, z up.
   * `contacts`: two lists of flags, left and right; `floor`: its height, metres.
   */
  show(motions, parents, contacts, floor = 0) {
    this.motions = motions;
    this.contacts = contacts;
    this.floor = floor;
    while (this.figures.length < motions.length) {
      const figure = new Figure(parents);
      this.figures.push(figure);
      this.scene.add(figure.group);
    }
    for (const figure of this.figures) figure.floor = floor;
    this.tiles.position.z = floor;
    this.aim();
    if (motions.length) this.orbit.frame(...extent(motions[0], floor));
    this.pose(0);
  }

  /** Shows a frame. */
  pose(frame) {
    this.frame = frame;
    this.motions.forEach((numbers, n) => {
      const last = numbers.length / (3 * JOINTS) - 1;
      this.figures[n].pose(numbers, Math.min(frame, last), n === 0 ? this.contacts : null);
    });
    this.draw();
  }

  /** Where the joints of a body are in the scene, metres. */
  joints(n = 0) {
    return this.figures[n].positions();
  }

  later() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.draw();
    });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(2, devicePixelRatio));
    this.renderer.setSize(width, height, false);
    this.size = [width, height];
    this.draw();
  }

  /** Gives the camera the shape of its part of the picture; returns width and height of that, and the parts. */
  aim() {
    const [width, height] = this.size || [1, 1];
    const parts = Math.max(1, this.motions.length);
    const share = Math.max(1, Math.floor(width / parts));
    this.camera.aspect = share / height;
    this.camera.updateProjectionMatrix();
    return [share, height, parts];
  }

  draw() {
    if (!this.size) return;
    const [share, height, parts] = this.aim();
    for (let n = 0; n < parts; n += 1) {
      this.figures.forEach((figure, m) => {
        figure.group.visible = m === n && m < this.motions.length;
      });
      this.renderer.setViewport(n * share, 0, share, height);
      this.renderer.setScissor(n * share, 0, share, height);
      this.renderer.render(this.scene, this.camera);
    }
  }
}

/** A floor of squares of half a metre. Strips, because lines of one pixel vanish in some software renderers. */
function floorLines() {
  const [half, step, thick] = [3.5, 0.5, 0.012];
  const count = (2 * half) / step + 1;
  const strip = new THREE.PlaneGeometry(1, 1);
  const mesh = new THREE.InstancedMesh(strip, new THREE.MeshBasicMaterial(), 2 * count);
  const place = new THREE.Object3D();
  for (let n = 0; n < count; n += 1) {
    const at = n * step - half;
    place.position.set(at, 0, 0);
    place.scale.set(thick, 2 * half, 1);
    place.updateMatrix();
    mesh.setMatrixAt(2 * n, place.matrix);
    place.position.set(0, at, 0);
    place.scale.set(2 * half, thick, 1);
    place.updateMatrix();
    mesh.setMatrixAt(2 * n + 1, place.matrix);
  }
  return mesh;
}

/** A point in the middle of a motion, and half the height and width around it in which most of it stays. */
function extent(numbers, floor) {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  let top = 0;
  for (let n = 0; n < numbers.length; n += 3) {
    for (let axis = 0; axis < 2; axis += 1) {
      const value = numbers[n + axis];
      if (value < low[axis]) low[axis] = value;
      if (value > high[axis]) high[axis] = value;
    }
    if (numbers[n + 2] > top) top = numbers[n + 2];
  }
  const tall = Math.min(2.2, Math.max(1.2, top - floor));
  const wide = Number.isFinite(low[0]) ? Math.min(2, Math.max(high[0] - low[0], high[1] - low[1]) / 2) : 0.5;
  const middle = (axis) => (Number.isFinite(low[axis]) ? (low[axis] + high[axis]) / 2 : 0);
  return [[middle(0), middle(1), floor + tall / 2], tall / 2 + 0.05, wide];
}
