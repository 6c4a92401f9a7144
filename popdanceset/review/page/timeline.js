// The clip's time from left to right: jerk, feet on the floor, confidence; beats, the loop and decisions on it.

import { clockTime } from "./dom.js";

const LANES = [
  { name: "jerk", share: 0.38 },
  { name: "left", share: 0.12 },
  { name: "right", share: 0.12 },
  { name: "confidence", share: 0.38 },
];

/** Draws the lanes once, and the playhead at every frame. `onseek(seconds)` hears of clicks, drags and keys. */
export class Timeline {
  constructor(node, onseek) {
    Object.assign(this, { node, onseek });
    this.back = node.querySelector(".lanes");
    this.front = node.querySelector(".playhead");
    this.loop = [null, null];
    this.marks = [];
    this.time = 0;
    this.duration = 0;
    this.dragging = false;
    node.addEventListener("pointerdown", (event) => {
      this.dragging = true;
      node.setPointerCapture(event.pointerId);
      this.seekTo(event);
    });
    node.addEventListener("pointermove", (event) => this.dragging && this.seekTo(event));
    for (const name of ["pointerup", "pointercancel"]) {
      node.addEventListener(name, () => {
        this.dragging = false;
      });
    }
    node.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.drawLanes()).observe(node);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawLanes());
  }

  /** Takes a clip's curves. */
  show({ timeline, beats, duration, fps }) {
    Object.assign(this, { timeline: timeline || {}, beats: beats || [], duration, fps, marks: [], loop: [null, null] });
    this.node.setAttribute("aria-valuemax", duration.toFixed(2));
    this.drawLanes();
    this.at(0);
  }

  /** Marks decisions: {kind, start, end}, seconds of the clip. */
  mark(marks) {
    this.marks = marks;
    this.drawLanes();
  }

  setLoop(loop) {
    this.loop = loop;
    this.drawLanes();
  }

  /** Moves the playhead. */
  at(time) {
    this.time = time;
    const text = `${clockTime(time)} of ${clockTime(this.duration)}`;
    if (text !== this.said) {
      this.said = text;
      this.node.setAttribute("aria-valuenow", time.toFixed(1));
      this.node.setAttribute("aria-valuetext", text);
    }
    const [context, width, height] = canvasOf(this.front, this.node);
    const x = this.x(time, width);
    context.fillStyle = this.colour("--text");
    context.fillRect(x - 1, 0, 2, height);
    context.beginPath();
    context.moveTo(x - 6, 0);
    context.lineTo(x + 6, 0);
    context.lineTo(x, 8);
    context.fill();
  }

  seekTo(event) {
    const box = this.node.getBoundingClientRect();
    this.onseek((this.duration * (event.clientX - box.left)) / box.width);
  }

  key(event) {
    const steps = { ArrowLeft: -1 / this.fps, ArrowRight: 1 / this.fps, PageDown: -1, PageUp: 1 };
    if (event.key in steps) this.onseek(this.time + 0.5 / this.fps + steps[event.key]);
    else if (event.key === "Home") this.onseek(0);
    else if (event.key === "End") this.onseek(this.duration);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  x(seconds, width) {
    return this.duration ? (width * seconds) / this.duration : 0;
  }

  colour(name) {
    return getComputedStyle(this.node).getPropertyValue(name).trim();
  }

  drawLanes() {
    if (!this.timeline) return;
    const [context, width, height] = canvasOf(this.back, this.node);
    const { jerk, contact_left: left, contact_right: right, confidence } = this.timeline;
    this.drawLoop(context, width, height);
    context.strokeStyle = this.colour("--beat");
    context.lineWidth = 1;
    for (const beat of this.beats) {
      const x = Math.round(this.x(beat, width)) + 0.5;
      line(context, [[x, 0], [x, height]]);
    }
    let top = 0;
    for (const { name, share } of LANES) {
      const box = { top: top + 2, height: height * share - 4, width };
      if (name === "jerk") this.curve(context, jerk, box, jerkScale(jerk), "--jerk");
      if (name === "left") this.bars(context, left, box, "--left");
      if (name === "right") this.bars(context, right, box, "--right");
      if (name === "confidence") this.curve(context, confidence, box, 1, "--confidence");
      top += height * share;
      context.fillStyle = this.colour("--line");
      context.fillRect(0, Math.round(top), width, 1);
    }
    this.drawMarks(context, width, height);
    this.at(this.time);
  }

  drawLoop(context, width, height) {
    const [start, end] = this.loop;
    context.fillStyle = this.colour("--loop");
    if (start !== null && end !== null) {
      context.fillRect(this.x(start, width), 0, this.x(end - start, width), height);
    } else if (start !== null || end !== null) {
      context.fillRect(this.x(start ?? end, width) - 2, 0, 4, height);
    }
  }

  drawMarks(context, width, height) {
    context.strokeStyle = this.colour("--danger");
    context.fillStyle = this.colour("--danger");
    context.lineWidth = 2;
    context.font = "11px sans-serif";
    for (const { kind, start, end } of this.marks) {
      const x = this.x(start, width);
      if (end === undefined) line(context, [[x, 0], [x, height]]);
      else context.strokeRect(x, 1, this.x(end - start, width), height - 2);
      context.fillText(kind, x + 4, height - 4);
    }
  }

  curve(context, values, box, most, colour) {
    if (!values || !values.length) return;
    context.strokeStyle = this.colour(colour);
    context.lineWidth = 1.5;
    const points = [];
    values.forEach((value, frame) => {
      if (value === null || !Number.isFinite(value)) return;
      const height = Math.min(1, Math.max(0, value / most));
      points.push([this.x(frame / this.fps, box.width), box.top + box.height * (1 - height)]);
    });
    line(context, points);
  }

  bars(context, flags, box, colour) {
    if (!flags) return;
    context.fillStyle = this.colour(colour);
    for (let start = 0; start < flags.length; start += 1) {
      if (!flags[start]) continue;
      let end = start;
      while (end < flags.length && flags[end]) end += 1;
      const x = this.x(start / this.fps, box.width);
      context.fillRect(x, box.top, Math.max(1, this.x((end - start) / this.fps, box.width)), box.height);
      start = end;
    }
  }
}

/** What is drawn at the top of the lane: nearly the largest jerk, so that one peak does not flatten the rest. */
function jerkScale(jerk) {
  const sorted = (jerk || []).filter(Number.isFinite).sort((a, b) => a - b);
  return sorted.length ? Math.max(1e-6, 1.1 * sorted[Math.floor(0.99 * (sorted.length - 1))]) : 1;
}

function line(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

function canvasOf(canvas, node) {
  const ratio = Math.min(2, devicePixelRatio);
  const [width, height] = [node.clientWidth, node.clientHeight];
  const [pixels, lines] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixels || canvas.height !== lines) {
    canvas.width = pixels;
    canvas.height = lines;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}
