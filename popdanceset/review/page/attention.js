// How long the reviewer looks at a clip. Only time counts in which the tab is visible.

const REPORT_EVERY = 15_000;
// A tab left open over lunch is not a long look.
const IDLE_AFTER = 60_000;

/** Measures it; `report(clipId, seconds)` sends it. */
export class Attention {
  constructor(report) {
    this.report = report;
    this.clipId = null;
    this.seconds = 0;
    this.since = null;
    this.lastSign = 0;
    for (const sign of ["keydown", "pointerdown", "pointermove", "wheel"]) {
      window.addEventListener(sign, () => this.awake(), { passive: true });
    }
    document.addEventListener("visibilitychange", () => (document.hidden ? this.send() : this.awake()));
    window.addEventListener("pagehide", () => this.send());
    setInterval(() => this.send(), REPORT_EVERY);
  }

  /** The reviewer looks at this clip now; null: at none. */
  at(clipId) {
    if (clipId === this.clipId) return;
    this.send();
    this.clipId = clipId;
    this.awake();
  }

  awake() {
    const now = performance.now();
    this.count(now);
    this.lastSign = now;
    this.since = this.clipId && !document.hidden ? now : null;
  }

  count(now) {
    if (this.since === null) return;
    const until = Math.min(now, this.lastSign + IDLE_AFTER);
    this.seconds += Math.max(0, until - this.since) / 1000;
    this.since = now;
  }

  send() {
    this.count(performance.now());
    if (this.clipId && this.seconds >= 0.1) this.report(this.clipId, Math.round(this.seconds * 10) / 10);
    this.seconds = 0;
    if (document.hidden) this.since = null;
  }
}
