// Decisions on their way to the server. They are sent in order, kept over a reload of the tab, and sent again
// while the server does not answer; a refused one stays in sight until the reviewer tries again or drops it.

import { Refused, Unreachable } from "./data.js";

const STORED = "popdanceset.outbox";
const WAITS = [1000, 2000, 4000, 8000, 15000];

/** Sends decisions. `onchange(entries)` hears of all that is not acknowledged, `onlogin()` of a lost session. */
export class Outbox {
  constructor(data, room, { onchange, onrefused, onlogin, onsaved }) {
    Object.assign(this, { data, room, onchange, onrefused, onlogin, onsaved });
    this.entries = [];
    this.sending = false;
    this.tries = 0;
    this.nextKey = 1;
    for (const { kind, body, failed } of restored()) this.put({ kind, body, failed });
    window.addEventListener("beforeunload", (event) => {
      if (this.entries.length) event.preventDefault();
    });
    window.addEventListener("online", () => this.send());
  }

  /** Sends a decision on clips. */
  decide(body) {
    this.put({ kind: "decide", body });
  }

  /** Takes the newest decision back: one that was refused is dropped, any other is undone on the server. */
  undo(reviewer) {
    const last = this.entries.at(-1);
    if (last && last.kind === "decide" && last.failed) {
      this.drop(last);
      return "dropped";
    }
    // If the decision before it is refused, there is nothing to undo for this entry.
    const undoes = last && last.kind === "decide" ? last.key : 0;
    this.put({ kind: "undo", body: { reviewer }, undoes });
    return "undone";
  }

  /** Sends refused decisions once more. */
  retry() {
    for (const entry of this.entries) entry.failed = "";
    this.tries = 0;
    this.changed();
    this.send();
  }

  /** Gives one up. */
  drop(entry) {
    const at = this.entries.indexOf(entry);
    if (at < 0) return;
    this.entries.splice(at, 1);
    this.room.addPending(entry.body.clip_ids || [], -1);
    const undo = this.entries.find((other) => other.undoes === entry.key);
    if (undo) this.drop(undo);
    this.changed();
  }

  /** Gives up all that were refused. */
  dropRefused() {
    for (const entry of this.entries.filter((each) => each.failed)) this.drop(entry);
  }

  put({ kind, body, failed = "", undoes = 0 }) {
    this.entries.push({ key: this.nextKey, kind, body, failed, undoes });
    this.nextKey += 1;
    this.room.addPending(body.clip_ids || [], 1);
    this.changed();
    this.send();
  }

  changed() {
    const kept = this.entries.map(({ kind, body, failed }) => ({ kind, body, failed }));
    if (kept.length) sessionStorage.setItem(STORED, JSON.stringify(kept));
    else sessionStorage.removeItem(STORED);
    this.onchange(this.entries);
  }

  /** Sends what waits, one after the other. */
  async send() {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let entry = this.waiting(); entry; entry = this.waiting()) {
        if (!(await this.sendOne(entry))) break;
      }
    } finally {
      this.sending = false;
    }
  }

  waiting() {
    return this.entries.find((entry) => !entry.failed);
  }

  async sendOne(entry) {
    let answer;
    try {
      answer = await (entry.kind === "undo" ? this.data.undo(entry.body.reviewer) : this.data.decide(entry.body));
    } catch (error) {
      return this.failed(entry, error);
    }
    this.tries = 0;
    entry.undoes = 0;
    this.drop(entry);
    const nothing = entry.kind === "undo" && !(answer.ids || []).length;
    this.room.apply(answer.states);
    this.onsaved(entry, answer, nothing);
    return true;
  }

  /** Returns whether the next one may be sent. */
  failed(entry, error) {
    if (error instanceof Refused && error.status === 401) {
      this.onlogin();
      return false;
    }
    if (error instanceof Unreachable || (error instanceof Refused && error.status >= 500)) {
      const wait = WAITS[Math.min(this.tries, WAITS.length - 1)];
      this.tries += 1;
      setTimeout(() => this.send(), wait);
      this.onchange(this.entries, error.message);
      return false;
    }
    if (!(error instanceof Refused)) throw error;
    const undo = this.entries.find((other) => other.undoes === entry.key);
    if (undo) {
      // The reviewer took it back before the server refused it: both are done with.
      this.drop(entry);
    } else if (entry.kind === "undo") {
      this.drop(entry);
      this.onrefused(error.message);
    } else {
      entry.failed = error.message;
      this.changed();
      this.onrefused(`not saved: ${error.message}`);
    }
    return true;
  }
}

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED) || "[]");
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
