// The 2D keypoints over the video: COCO's joints, left orange and right blue.

const NAMES = 17;
const COLOURS = { left: "#ff8c00", right: "#00aaff", middle: "#f2f4f7" };

function sideOf(joint) {
  if (joint === 0) return "middle";
  return joint % 2 ? "left" : "right";
}

/** Draws on a canvas that lies over the video. */
export class Overlay {
  constructor(canvas, video) {
    Object.assign(this, { canvas, video });
    this.on = true;
    this.frame = 0;
    this.keypoints = null;
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
    video.addEventListener("loadedmetadata", () => this.draw());
  }

  /** Takes keypoints (frames, 17, 2) in pixels of the clip, or null, and the bones between them. */
  show(keypoints, edges, size) {
    Object.assign(this, { keypoints, edges, clip: size, frame: 0 });
    this.draw();
  }

  toggle() {
    this.on = !this.on;
    this.draw();
    return this.on;
  }

  pose(frame) {
    this.frame = frame;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    const ratio = Math.min(2, devicePixelRatio);
    const [pixels, lines] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== pixels || this.canvas.height !== lines) {
      this.canvas.width = pixels;
      this.canvas.height = lines;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, pixels, lines);
    const first = this.frame * NAMES * 2;
    if (!this.on || !this.keypoints || first >= this.keypoints.length) return;
    const [clipWidth, clipHeight] = this.clip || [this.video.videoWidth, this.video.videoHeight];
    if (!clipWidth || !clipHeight) return;
    // As object-fit: contain places the video.
    const scale = Math.min(width / clipWidth, height / clipHeight);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const at = (joint) => [
      (width - scale * clipWidth) / 2 + scale * this.keypoints[first + 2 * joint],
      (height - scale * clipHeight) / 2 + scale * this.keypoints[first + 2 * joint + 1],
    ];
    context.lineCap = "round";
    for (const [width_, colours] of [[5, () => "rgb(0 0 0 / 55%)"], [2.5, (side) => COLOURS[side]]]) {
      context.lineWidth = width_;
      for (const [a, b] of this.edges || []) {
        const side = sideOf(a) === sideOf(b) ? sideOf(a) : "middle";
        const [from, to] = [at(a), at(b)];
        if (!from.every(Number.isFinite) || !to.every(Number.isFinite)) continue;
        context.strokeStyle = colours(side);
        context.beginPath();
        context.moveTo(...from);
        context.lineTo(...to);
        context.stroke();
      }
    }
    for (let joint = 0; joint < NAMES; joint += 1) {
      const [x, y] = at(joint);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      context.fillStyle = COLOURS[sideOf(joint)];
      context.beginPath();
      context.arc(x, y, 3, 0, 2 * Math.PI);
      context.fill();
    }
  }
}
