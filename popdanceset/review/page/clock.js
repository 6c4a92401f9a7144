// The time of a clip. The sound leads; the video follows it; the body follows the frame that the video shows.
// Without sound the video leads, without both a timer does.

const FAR = 0.3;
const NEAR = 0.01;

/** Plays a clip. Times are seconds of the clip, frames those of its poses. */
export class Clock {
  /**
   * `onframe(frame, seconds)` hears of each new frame, `onchange()` of play, pause, speed and loop;
   * `shownFrame()` says which frame the body shows.
   */
  constructor(video, audio, { onframe, onchange, shownFrame }) {
    Object.assign(this, { video, audio, onframe, onchange, shownFrame });
    this.fps = 30;
    this.frames = 0;
    this.frame = 0;
    this.rate = 1;
    this.loop = [null, null];
    this.playing = false;
    this.hasVideo = false;
    this.hasAudio = false;
    this.drift = newDrift();
    this.canPeek = "VideoFrame" in window;
    this.canReport = "requestVideoFrameCallback" in video;
    for (const medium of [video, audio]) medium.addEventListener("error", () => this.lost(medium));
    video.addEventListener("seeked", () => this.showVideoFrame(video.currentTime - this.offset));
    video.addEventListener("loadeddata", () => this.showVideoFrame(video.currentTime - this.offset));
  }

  /** Opens a clip: addresses of its media (null if it has none), and how long it is. */
  open({ videoUrl, audioUrl, offset = 0, frames, fps = 30 }) {
    this.pause();
    Object.assign(this, { offset, frames, fps, frame: 0, wanted: 0, loop: [null, null], moment: 0, videoFrame: undefined });
    this.drift = newDrift();
    this.hasVideo = load(this.video, videoUrl);
    this.hasAudio = load(this.audio, audioUrl);
    // A clip's own film may have a sound track, which must not be heard twice.
    this.video.muted = this.hasAudio;
    if (this.hasVideo && offset) this.video.currentTime = offset;
    this.setRate(this.rate);
    this.tellFrame(0);
    if (this.hasVideo && this.canReport) this.askForFrame(videoUrl);
  }

  /** Stops and lets go of the media. */
  close() {
    this.pause();
    load(this.video, null);
    load(this.audio, null);
    this.hasVideo = false;
    this.hasAudio = false;
  }

  get duration() {
    return this.frames / this.fps;
  }

  /** Seconds of what leads. */
  get time() {
    if (this.hasAudio) return this.audio.currentTime;
    if (this.hasVideo) return this.video.currentTime - this.offset;
    return this.playing ? this.moment + ((performance.now() - this.startedAt) / 1000) * this.rate : this.moment;
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (!this.frames || this.playing) return;
    const [start, end] = this.span();
    if (this.time >= end - 0.5 / this.fps || this.time < start - 0.5 / this.fps) this.seek(start);
    this.playing = true;
    this.startedAt = performance.now();
    for (const medium of this.media()) {
      medium.play().catch((error) => {
        // Another clip was opened meanwhile, or the browser wants a click first.
        if (error.name !== "AbortError") this.pause();
      });
    }
    this.onchange();
    requestAnimationFrame(() => this.tick());
  }

  pause() {
    if (!this.playing) return;
    this.moment = this.time;
    this.playing = false;
    for (const medium of this.media()) medium.pause();
    this.setRate(this.rate);
    this.seek((this.frame + 0.5) / this.fps);
    this.onchange();
  }

  /** Goes to a time. */
  seek(seconds) {
    const inside = Math.min(Math.max(0, seconds), Math.max(0, this.duration - 0.25 / this.fps));
    this.moment = inside;
    this.startedAt = performance.now();
    if (this.hasAudio) this.audio.currentTime = inside;
    if (this.hasVideo) this.video.currentTime = inside + this.offset;
    this.wanted = Math.floor(inside * this.fps + 1e-3);
    // Without a picture there is nothing to wait for.
    if (!this.hasVideo) this.tellFrame(this.wanted);
  }

  /** The frame at which the reviewer is: the one asked for last, even if the video still looks for it. */
  get position() {
    return this.playing ? this.frame : this.wanted;
  }

  /** Goes some frames on, or back. */
  step(count) {
    this.pause();
    // The middle of a frame: its edge may show the one before.
    this.seek((Math.min(this.frames - 1, Math.max(0, this.wanted + count)) + 0.5) / this.fps);
  }

  setRate(rate) {
    this.moment = this.time;
    this.startedAt = performance.now();
    this.rate = rate;
    for (const medium of this.media()) medium.playbackRate = rate;
    this.onchange();
  }

  /** Sets where the part that is repeated starts or ends; null: not set. */
  setLoop(start, end) {
    this.loop = start !== null && end !== null && end < start ? [end, start] : [start, end];
    this.onchange();
  }

  /** Whether a part with a start and an end is set. */
  get hasLoop() {
    return this.loop[0] !== null && this.loop[1] !== null && this.loop[1] > this.loop[0];
  }

  span() {
    return this.hasLoop ? this.loop : [0, this.duration];
  }

  media() {
    return [...(this.hasVideo ? [this.video] : []), ...(this.hasAudio ? [this.audio] : [])];
  }

  lost(medium) {
    if (!medium.hasAttribute("src")) return;
    if (medium === this.video) this.hasVideo = false;
    else this.hasAudio = false;
    this.video.muted = this.hasAudio;
    this.onchange();
  }

  /** Once before every picture of the screen, while it plays. */
  tick() {
    if (!this.playing) return;
    const now = this.time;
    const [start, end] = this.span();
    if (now >= end || (this.hasAudio && this.audio.ended) || (!this.hasAudio && this.hasVideo && this.video.ended)) {
      if (this.hasLoop) {
        this.seek(start);
        for (const medium of this.media()) if (medium.paused) medium.play().catch(() => this.pause());
      } else {
        this.pause();
        return;
      }
    }
    if (this.hasVideo && this.hasAudio) this.follow();
    if (!this.hasVideo) this.tellFrame(Math.floor(this.time * this.fps + 1e-3));
    else if (!this.canReport) this.showVideoFrame(this.video.currentTime - this.offset);
    if (this.hasVideo && !this.video.seeking) this.catchUp();
    requestAnimationFrame(() => this.tick());
  }

  /** Lets the video run a little faster or slower until it is where the sound is. */
  follow() {
    const gap = this.audio.currentTime - (this.video.currentTime - this.offset);
    if (this.video.seeking || this.audio.seeking) return;
    if (Math.abs(gap) > FAR) this.video.currentTime = this.audio.currentTime + this.offset;
    const nudge = Math.abs(gap) > NEAR ? Math.min(0.1, Math.max(-0.1, gap)) : 0;
    const rate = this.rate * (1 + nudge);
    if (Math.abs(this.video.playbackRate - rate) > 1e-3) this.video.playbackRate = rate;
    const { sound } = this.drift;
    sound.max = Math.max(sound.max, Math.abs(gap));
  }

  askForFrame(url) {
    this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.video.getAttribute("src") !== url) return;
      this.videoFrame = this.frameAt(mediaTime - this.offset);
      this.tellFrame(this.videoFrame);
      this.askForFrame(url);
    });
  }

  showVideoFrame(seconds) {
    if (!this.hasVideo) return;
    if (this.canReport && this.playing) return;
    this.tellFrame(Math.floor(seconds * this.fps + 1e-3));
  }

  /** The frame whose time is nearest: those of a film at 60 frames a second lie between two of the poses. */
  frameAt(seconds) {
    return Math.max(0, Math.min(this.frames - 1, Math.round(seconds * this.fps)));
  }

  tellFrame(frame) {
    this.frame = Math.max(0, Math.min(this.frames - 1, frame));
    this.onframe(this.frame, this.frame / this.fps);
  }

  /**
   * The frame that the video shows at this moment. A busy browser reports some frames late or never, and
   * `currentTime` is ahead of the picture then, by several frames; the picture itself knows its time.
   */
  pictureFrame() {
    if (this.canPeek) {
      try {
        const picture = new VideoFrame(this.video);
        const { timestamp } = picture;
        picture.close();
        return this.frameAt(timestamp / 1e6 - this.offset);
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
        // No picture yet, or a file of the disk, into which scripts must not look.
        if (error.name === "SecurityError") this.canPeek = false;
      }
    }
    return this.canReport ? this.videoFrame : this.frameAt(this.video.currentTime - this.offset);
  }

  /** Shows the body as the video is, and notes how far they are apart after that, in frames. */
  catchUp() {
    const frame = this.pictureFrame();
    if (frame === undefined) return;
    if (frame !== this.frame) {
      this.drift.caught_up += 1;
      this.tellFrame(frame);
    }
    const distance = Math.abs(this.pictureFrame() - this.shownFrame());
    const { drift } = this;
    drift.samples += 1;
    drift.sum += distance;
    drift.max = Math.max(drift.max, distance);
    drift.above_one += distance > 1 ? 1 : 0;
    drift.mean = drift.sum / drift.samples;
  }
}

function newDrift() {
  return { samples: 0, sum: 0, max: 0, mean: 0, above_one: 0, caught_up: 0, sound: { max: 0 } };
}

function load(medium, url) {
  if (url) {
    medium.setAttribute("src", url);
  } else {
    medium.removeAttribute("src");
    medium.load();
  }
  return Boolean(url);
}
