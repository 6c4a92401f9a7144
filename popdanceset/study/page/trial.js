// One pair: both bodies in step with the sound, and the choice.

import { byId, clockTime } from "../dom.js";
import { Body } from "../body.js";
import { Clock } from "../clock.js";
import { dance } from "./server.js";

/** Shows pairs and asks; `onchoice(answer)` hears what was chosen. */
export class Trial {
  constructor(study, onchoice) {
    Object.assign(this, { study, onchoice, opening: 0, open: false });
    this.body = makeBody();
    this.clock = new Clock(byId("video"), byId("audio"), {
      onframe: (frame, seconds) => this.showFrame(frame, seconds),
      onchange: () => {
        if (this.clock && this.open) this.count(this.clock.time);
        this.showPlayer();
      },
      shownFrame: () => this.clock.frame,
    });
    byId("left").addEventListener("click", () => this.choose("left"));
    byId("right").addEventListener("click", () => this.choose("right"));
    byId("play").addEventListener("click", () => this.toggle());
    byId("start").addEventListener("click", () => this.toggle());
    byId("again").addEventListener("click", () => this.again());
    byId("audio").addEventListener("error", () => this.hint());
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** Shows a pair and plays it. */
  async show(trial) {
    this.opening += 1;
    const turn = this.opening;
    Object.assign(this, { trial, open: false, enough: false, startedAt: null, played: 0, starts: 0, last: 0 });
    byId("question").textContent = this.study.questions[trial.question];
    this.showPlayer();
    this.clock.close();
    const [left, right] = await Promise.all([dance(trial.left, trial.frames), dance(trial.right, trial.frames)]);
    if (turn !== this.opening) return;
    if (this.body) this.body.show([left, right], this.study.parents, null);
    this.open = true;
    this.clock.open({ videoUrl: null, audioUrl: trial.sound, frames: trial.frames, fps: this.study.fps });
    this.hint();
    this.play();
  }

  play() {
    if (!this.clock.playing && this.atStart()) this.starts += 1;
    if (this.startedAt === null) this.startedAt = performance.now();
    this.clock.play();
  }

  toggle() {
    if (!this.open) return;
    if (this.clock.playing) this.clock.pause();
    else this.play();
  }

  again() {
    if (!this.open) return;
    this.clock.pause();
    this.last = 0;
    this.clock.seek(0);
    this.play();
  }

  atStart() {
    return this.clock.frame === 0 || this.clock.frame >= this.clock.frames - 1;
  }

  showFrame(frame, seconds) {
    if (!this.open) return;
    if (this.body) this.body.pose(frame);
    this.count(seconds);
    const { duration } = this.clock;
    byId("moment").max = duration;
    byId("moment").value = seconds;
    byId("time").textContent = `${clockTime(seconds)} / ${clockTime(duration)}`;
  }

  /** Adds what has been played since the last time; whoever has seen enough can choose. */
  count(seconds) {
    this.played += Math.max(0, seconds - this.last);
    this.last = seconds;
    const needed = Math.min(this.clock.duration - 0.2, this.study.enough_seconds);
    if (this.enough || this.played < needed) return;
    this.enough = true;
    this.showPlayer();
    this.hint();
  }

  showPlayer() {
    const playing = Boolean(this.clock && this.clock.playing);
    byId("play").firstChild.textContent = playing ? "Pause" : "Play";
    byId("play").disabled = !this.open;
    byId("again").disabled = !this.open;
    byId("start").hidden = playing || !this.open || this.enough;
    for (const side of ["left", "right"]) byId(side).disabled = !this.open || !this.enough;
  }

  hint() {
    const silent = this.open && !this.clock.hasAudio ? "The music cannot be played. " : "";
    const seconds = Math.round(this.study.enough_seconds);
    const whole = this.clock.duration <= this.study.enough_seconds;
    const wait = whole ? "Watch the dances to the end, then choose." : `You can choose after ${seconds} seconds.`;
    byId("hint").textContent = silent + (this.enough ? "Choose a side." : wait);
  }

  choose(side) {
    if (!this.open || !this.enough) return;
    this.open = false;
    this.clock.pause();
    this.showPlayer();
    const seconds = (performance.now() - this.startedAt) / 1000;
    const { position, question } = this.trial;
    this.onchoice({ position, question, choice: side, seconds, replays: Math.max(0, this.starts - 1) });
  }

  key(event) {
    if (byId("view-trial").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const onButton = event.target instanceof HTMLButtonElement;
    if (event.key === "ArrowLeft" || event.key === "1") this.choose("left");
    else if (event.key === "ArrowRight" || event.key === "2") this.choose("right");
    else if (event.key === " " && !onButton) this.toggle();
    else if (event.key === "r" || event.key === "R") this.again();
    else return;
    event.preventDefault();
  }

  close() {
    this.opening += 1;
    this.open = false;
    this.clock.close();
  }
}

function makeBody() {
  try {
    return new Body(byId("body"));
  } catch (error) {
    byId("body").hidden = true;
    byId("no-body").hidden = false;
    byId("no-body").textContent = `The study needs WebGL, which this browser does not offer. (${error.message})`;
    return null;
  }
}
