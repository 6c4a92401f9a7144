// One clip: video, body, overlay and timeline in step, what is known about it, and what was decided.

import { byId, clockTime, counted, decimals, element } from "./dom.js";
import { verdictOf } from "./filters.js";
import { complain, say } from "./messages.js";
import { Body } from "./body.js";
import { Clock } from "./clock.js";
import { Overlay } from "./overlay.js";
import { Timeline } from "./timeline.js";

const VIEWS = [["front", 0, 0.12], ["side", Math.PI / 2, 0.12], ["above", 0, 1.45]];
const FACTS = [
  ["score", "Score", 2, ""], ["jitter", "Jitter", 2, "m/s²"], ["skating", "Foot skating", 2, ""],
  ["mean_score", "Confidence", 2, ""], ["pop", "Pop", 2, ""],
];

/** The view of a clip. */
export class ClipView {
  constructor(room, data, { onopen, reviewer }) {
    Object.assign(this, { room, data, onopen, reviewer });
    this.clip = null;
    this.detail = null;
    this.failed = null;
    this.source = "";
    this.motions = [];
    this.view = 0;
    this.opening = 0;
    this.body = makeBody(byId("body"));
    this.overlay = new Overlay(byId("overlay"), byId("video"));
    this.clock = new Clock(byId("video"), byId("audio"), {
      onframe: (frame, seconds) => this.showFrame(frame, seconds),
      onchange: () => this.showPlayer(),
      shownFrame: () => (this.body && this.motions.length ? this.body.frame : this.clock.frame),
    });
    this.timeline = new Timeline(byId("timeline"), (seconds) => this.clock.seek(seconds));
    this.makePlayer();
  }

  makePlayer() {
    const sources = this.room.info.sources || [];
    byId("source").replaceChildren(
      element("option", { value: "" }, "nothing"),
      ...sources.map(({ name, label }) => element("option", { value: name }, label || name)),
    );
    byId("source").disabled = !sources.length;
    byId("source").addEventListener("change", (event) => this.compare(event.target.value));
    byId("rate").addEventListener("change", (event) => this.clock.setRate(Number(event.target.value)));
    for (const button of document.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => this.do(button.dataset.do));
    }
  }

  /** Does what a key or button of the player says; returns whether it is one of the player's. */
  do(name) {
    const { clock } = this;
    const here = clock.position / clock.fps;
    const actions = {
      play: () => clock.toggle(),
      back: () => clock.step(-1),
      on: () => clock.step(1),
      half: () => clock.setRate(clock.rate === 1 ? 0.5 : 1),
      in: () => this.setLoop(here, clock.loop[1] !== null && clock.loop[1] > here ? clock.loop[1] : null),
      out: () => this.setLoop(clock.loop[0] !== null && clock.loop[0] < here ? clock.loop[0] : null, here),
      clear: () => this.setLoop(null, null),
      overlay: () => byId("overlay-on").setAttribute("aria-pressed", this.overlay.toggle()),
      source: () => this.nextSource(),
      view: () => this.nextView(),
    };
    if (!actions[name]) return false;
    actions[name]();
    return true;
  }

  setLoop(start, end) {
    this.clock.setLoop(start, end);
    this.timeline.setLoop(this.clock.loop);
  }

  nextView() {
    if (!this.body) return;
    this.view = (this.view + 1) % VIEWS.length;
    const [name, azimuth, elevation] = VIEWS[this.view];
    this.body.orbit.look(azimuth, elevation);
    say(`3D body from ${name === "above" ? "above" : `the ${name}`}`);
  }

  nextSource() {
    const names = ["", ...(this.room.info.sources || []).map(({ name }) => name)];
    if (names.length === 1) {
      say("There is nothing to compare with: start the room with --compare.");
      return;
    }
    this.compare(names[(names.indexOf(this.source) + 1) % names.length]);
  }

  /** Shows another source's body beside this one. */
  async compare(source) {
    this.source = source;
    byId("source").value = source;
    if (this.detail) await this.showBodies(this.opening);
  }

  /** Opens a clip; resolves when it is shown. */
  async open(clip) {
    this.opening += 1;
    const turn = this.opening;
    this.clip = clip;
    this.detail = null;
    this.failed = null;
    this.setReady("");
    this.showHead();
    let detail;
    try {
      detail = await this.data.detail(clip.clip_id, this.reviewer());
    } catch (error) {
      if (turn === this.opening) {
        this.clock.close();
        this.failed = clip.clip_id;
      }
      throw error;
    }
    if (turn !== this.opening) return;
    this.detail = detail;
    const { video, audio, motion } = detail;
    const fps = this.room.info.fps || 30;
    const frames = (motion && motion.frames) || clip.frames || Math.round((clip.seconds || 0) * fps);
    byId("no-video").hidden = Boolean(video);
    byId("no-video").textContent = video ? "" : "There is no video of this clip.";
    this.timeline.show({ timeline: detail.timeline, beats: detail.beats, duration: frames / fps, fps });
    this.overlay.show(null, [], null);
    this.motions = [];
    this.clock.open({
      videoUrl: video && video.url, audioUrl: audio, offset: (video && video.start_offset) || 0, frames, fps,
    });
    this.showFacts();
    this.showDecisions();
    if (!detail.beats) this.findBeats(turn);
    await Promise.all([this.showBodies(turn), this.showOverlay(turn)]);
    if (turn !== this.opening) return;
    this.setReady(clip.clip_id);
  }

  /** Whether the clip can be judged: it is on the screen, or cannot be brought there. */
  get canJudge() {
    return this.clip !== null && [this.ready, this.failed].includes(this.clip.clip_id);
  }

  /** Notes which clip is shown in full, for the decisions that need its time. */
  setReady(clipId) {
    this.ready = clipId;
    byId("view-clip").dataset.ready = clipId;
  }

  /** Marks beats that the server has to look for; the clip is shown meanwhile. */
  async findBeats(turn) {
    let beats = [];
    try {
      beats = await this.data.beats(this.detail);
    } catch (error) {
      // The clip can be judged without them.
      if (turn === this.opening) say(`No beats: ${error.message}.`);
    }
    if (turn !== this.opening) return;
    this.timeline.beats = beats;
    this.timeline.drawLanes();
  }

  /** Leaves the clip. */
  close() {
    this.opening += 1;
    this.clip = null;
    this.detail = null;
    this.setReady("");
    this.clock.close();
  }

  async showBodies(turn) {
    const { motion } = this.detail;
    if (!this.body) return;
    if (!motion) {
      this.body.show([], []);
      this.caption("There are no poses of this clip yet.", "");
      return;
    }
    const mine = await this.data.joints(this.detail);
    let other = null;
    let missing = "";
    if (this.source) {
      try {
        other = await this.data.joints(this.detail, this.source);
      } catch (error) {
        missing = error.message;
      }
      if (!other) missing = missing || "the source does not have this clip";
    }
    if (turn !== this.opening || !this.detail) return;
    const { contact_left: left, contact_right: right } = this.detail.timeline || {};
    const motions = [mine, other].filter(Boolean);
    this.motions = motions;
    this.body.show(motions, motion.parents, [left, right], motion.floor || 0);
    this.body.pose(this.clock.frame);
    const label = (this.room.info.sources || []).find(({ name }) => name === this.source);
    this.caption(this.clip.estimator || "poses", other ? label.label || label.name : "");
    if (missing) complain(`${(label && label.label) || this.source}: ${missing}`);
  }

  caption(first, second) {
    byId("body-name").textContent = first;
    byId("other-name").textContent = second;
  }

  async showOverlay(turn) {
    const { motion, video } = this.detail;
    const keypoints = motion && video ? await this.data.keypoints(this.detail) : null;
    if (turn !== this.opening) return;
    const size = video && video.width && video.height ? [video.width, video.height] : null;
    this.overlay.show(keypoints, (motion && motion.coco_edges) || [], size);
    this.overlay.pose(this.clock.frame);
  }

  showFrame(frame, seconds) {
    if (this.body && this.detail) this.body.pose(frame);
    this.overlay.pose(frame);
    this.timeline.at(seconds);
    byId("time").textContent = `${clockTime(seconds)} / ${clockTime(this.clock.duration)}`;
    byId("frame").textContent = `frame ${frame} / ${this.clock.frames}`;
  }

  showPlayer() {
    const { clock } = this;
    byId("play").textContent = clock.playing ? "Pause" : "Play";
    byId("rate").value = String(clock.rate);
    const [start, end] = clock.loop;
    const shown = (value) => (value === null ? "–" : clockTime(value));
    byId("loop").textContent = start === null && end === null ? "no loop" : `loop ${shown(start)} to ${shown(end)}`;
    for (const button of document.querySelectorAll("[data-needs=loop]")) button.disabled = !clock.hasLoop;
  }

  showHead() {
    const { clip } = this;
    byId("clip-title").textContent = clip.title || clip.clip_id;
    byId("clip-title").title = clip.title || "";
    byId("clip-id").textContent = clip.clip_id;
    this.showState();
  }

  showState() {
    const { clip } = this;
    if (!clip) return;
    const verdict = verdictOf(clip);
    byId("clip-verdict").textContent = verdict ? `verdict: ${verdict}` : "no verdict";
    byId("clip-verdict").dataset.mark = verdict;
  }

  showFacts() {
    const { clip, detail } = this;
    const { distribution = {} } = detail;
    const rows = FACTS.filter(([name]) => clip[name] !== null && clip[name] !== undefined).map(
      ([name, label, places, unit]) => {
        const [low, middle, high] = distribution[name] || [];
        // 90 % of all clips.
        const usual = Number.isFinite(middle) ? `usually ${decimals(low, places)} to ${decimals(high, places)}` : "";
        return [label, `${decimals(clip[name], places)} ${unit}`.trim(), usual];
      },
    );
    rows.push(["Genre", clip.genre], ["Dancer", clip.dancer_id], ["Uploader", clip.uploader], ["Music", clip.music_id]);
    rows.push(["Poses by", clip.estimator], ["In the video", `${clockTime(clip.start || 0)} to ${clockTime(clip.end || 0)}`]);
    if ((clip.reasons || []).length) rows.unshift(["Reasons", clip.reasons.join(", ")]);
    for (const [label, text] of [["Note", detail.note], ["Poses", detail.verdict_note], ["Has changes", detail.reviewed]]) {
      if (text) rows.push([label, text]);
    }
    byId("facts").replaceChildren(
      ...rows.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(
        ([label, value, usual]) => [
          element("dt", {}, label),
          element("dd", {}, String(value), usual ? element("small", {}, usual) : null),
        ],
      ),
    );
    const neighbours = detail.same_music || [];
    byId("neighbours").replaceChildren(
      ...neighbours.slice(0, 20).map((id) =>
        element("li", {}, element("button", { type: "button", class: "link", onclick: () => this.onopen(id) }, id))),
    );
    byId("neighbours-head").hidden = !neighbours.length;
  }

  showDecisions() {
    const { detail, clip } = this;
    const decisions = detail.decisions || [];
    byId("decisions").replaceChildren(
      ...decisions.map((decision) => this.decisionItem(decision)),
    );
    byId("decisions-head").textContent = decisions.length ? counted(decisions.length, "decision") : "No decisions yet";
    byId("decisions-head").hidden = !decisions.length && byId("decide").hidden; // nobody decides in a release
    const marks = decisions.filter(({ kind, revoked_at: revoked }) => !revoked && ["split", "trim", "swap"].includes(kind));
    this.timeline.mark(
      marks.map(({ kind, value }) => {
        const [start, end] = value.split("-").map((seconds) => Number(seconds) - (clip.start || 0));
        return { kind, start, end };
      }),
    );
    this.showState();
  }

  decisionItem({ kind, value, reason_meaning: meaning, note, reviewer, decided_at: at, revoked_at: revoked, mine }) {
    const said = kind === "reject" ? meaning || value : value;
    return element(
      "li",
      { class: revoked ? "revoked" : mine ? "mine" : "" },
      element("strong", {}, kind, said ? `: ${said}` : ""),
      ` by ${reviewer || "unknown"}${revoked ? ", taken back" : ""} `,
      element("time", { datetime: at }, (at || "").slice(0, 16).replace("T", " ")),
      note ? element("p", { class: "note" }, note) : null,
    );
  }

  /** Asks the server again what was decided on the clip shown. */
  async refreshDecisions() {
    const { clip, opening } = this;
    if (!clip || !this.detail) return;
    const detail = await this.data.detail(clip.clip_id, this.reviewer());
    if (opening !== this.opening || !this.detail) return;
    this.detail.decisions = detail.decisions;
    this.showDecisions();
  }
}

/** The body; null where the browser has no WebGL, which must not cost the rest of the page. */
function makeBody(canvas) {
  try {
    return new Body(canvas);
  } catch (error) {
    canvas.hidden = true;
    byId("no-body").hidden = false;
    byId("no-body").textContent = `The 3D body needs WebGL, which this browser does not offer. (${error.message})`;
    return null;
  }
}
