// The page: which view is shown, what keys do, and how decisions leave for the server.

import { BULK, DECISIONS, EVERYWHERE, playerAction } from "./actions.js";
import { Attention } from "./attention.js";
import { ClipView } from "./clip.js";
import { Refused, Unreachable, connect } from "./data.js";
import { askChoice, askReason, askText, confirmMany, isAsking, showKeys } from "./dialogs.js";
import { byId, counted, element } from "./dom.js";
import { readFilter, writeFilter } from "./filters.js";
import { List, stateMark, stateText } from "./list.js";
import { complain, say } from "./messages.js";
import { Outbox } from "./outbox.js";
import { Room } from "./room.js";
import { showStatistics } from "./statistics.js";

const VIEWS = ["loading", "login", "list", "clip", "statistics"];
const POLL_EVERY = 3000;
const STORED_NAME = "popdanceset.reviewer";
const PAST = { accept: "accepted", reject: "rejected", redo: "will be extracted again", split: "split here",
  trim: "trimmed", swap: "left and right swapped", genre: "genre set", dancer: "dancer named",
  music: "music named" };

/** The page as a whole. */
class Page {
  constructor(data) {
    this.data = data;
    this.notes = new Map();
    this.order = [];
    this.view = "";
    this.reviewer = localStorage.getItem(STORED_NAME) || "";
  }

  /** Loads the clips and shows the view of the address; asks for the token first where there is one. */
  async start() {
    byId("login").addEventListener("submit", (event) => this.login(event));
    byId("help").addEventListener("click", () => this.help());
    try {
      await this.load();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.showLogin();
      else this.fail(error);
    }
  }

  async load() {
    const [info, table] = await Promise.all([this.data.room(), this.data.clips()]);
    this.room = new Room(info, table);
    this.reviewer ||= info.reviewer || "";
    const title = [this.room.readOnly ? "" : "Review", info.title].filter(Boolean).join(": ");
    document.title = title;
    byId("title").textContent = title;
    this.list = new List(this.room, {
      onopen: (clip) => this.openClip(clip.clip_id),
      onfilter: (filter) => this.filterBy(filter),
      ondecide: (name, ids, many) => this.decide(name, ids, many),
    }, () => this.reviewer);
    this.room.listen((ids) => this.showStates(ids));
    this.attention = new Attention((clipId, seconds) => this.reportLook(clipId, seconds));
    if (!this.room.readOnly) this.allowDecisions();
    else for (const id of ["progress-label", "to-statistics"]) byId(id).hidden = true;
    this.makeClipButtons();
    window.addEventListener("hashchange", () => this.route());
    window.addEventListener("keydown", (event) => this.key(event));
    this.showProgress();
    await this.route();
    performance.mark("popdanceset-list");
    if (!this.room.readOnly) this.poll();
    if (!this.room.readOnly && !this.reviewer) await this.askName(true);
  }

  allowDecisions() {
    this.outbox = new Outbox(this.data, this.room, {
      onchange: (entries, problem) => this.showUnsaved(entries, problem),
      onrefused: (message) => complain(message),
      onlogin: () => this.showLogin(),
      onsaved: (entry, answer, nothing) => this.saved(entry, answer, nothing),
    });
    byId("undo").hidden = false;
    byId("undo").addEventListener("click", () => this.undo());
    byId("reviewer").hidden = false;
    byId("reviewer").addEventListener("click", () => this.askName(false));
    this.showName();
    const note = element("input", {
      id: "note", type: "text", maxlength: 20000, autocomplete: "off", placeholder: "goes with the next decision",
      oninput: (event) => this.clipView && this.notes.set(this.clipView.clip.clip_id, event.target.value),
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== "Escape") return;
        event.stopPropagation();
        event.target.blur();
      },
    });
    byId("decide").hidden = false;
    byId("decide").replaceChildren(
      ...DECISIONS.map(({ key, name, label, help, needs }) =>
        element(
          "button",
          { type: "button", "data-decision": name, "data-needs": needs, title: help, class: name, onclick: () => this.decideOnClip(name) },
          label, element("kbd", { "aria-hidden": "true" }, key),
        )),
      element("label", { class: "note-field" }, "Note", element("kbd", { "aria-hidden": "true" }, "n"), note),
    );
  }

  makeClipButtons() {
    byId("back").addEventListener("click", () => this.go("list"));
    byId("next").addEventListener("click", () => this.neighbour(1));
    byId("previous").addEventListener("click", () => this.neighbour(-1));
  }

  // -- views

  async route() {
    const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
    const [, view = "list", id = ""] = path.split("/");
    const filter = readFilter(query);
    if (JSON.stringify(filter) !== JSON.stringify(this.list.filter) || !this.view) this.list.setFilter(filter);
    const clip = view === "clip" ? this.room.clips.get(decoded(id)) : null;
    if (view === "clip" && !clip) complain(`There is no clip ${decoded(id)}.`);
    if (clip) await this.showClip(clip);
    else if (view === "statistics" && !this.room.readOnly) await this.showStatistics();
    else this.showList();
  }

  address(view, id = "") {
    const query = this.list ? writeFilter(this.list.filter) : "";
    return `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}${query ? `?${query}` : ""}`;
  }

  go(view, id) {
    location.hash = this.address(view, id);
  }

  openClip(id) {
    this.order = this.list.clips.map((clip) => clip.clip_id);
    this.go("clip", id);
  }

  filterBy(filter) {
    // Each letter typed would be a step back; the address of the list is rewritten instead.
    this.list.filter = filter;
    history.replaceState(null, "", this.address("list"));
    this.list.setFilter(filter);
    this.showLinks();
  }

  show(view) {
    this.view = view;
    for (const each of VIEWS) byId(`view-${each}`).hidden = each !== view;
    document.body.dataset.view = view;
    this.showLinks();
  }

  showLinks() {
    for (const name of ["list", "statistics"]) {
      const link = byId(`to-${name}`);
      link.setAttribute("href", this.address(name));
      if (this.view === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  showList() {
    this.leaveClip();
    const before = this.lastClip;
    this.show("list");
    this.list.refresh();
    if (before) this.list.grid.activate(before);
    if (!isAsking()) this.list.grid.node.focus({ preventScroll: true });
  }

  async showStatistics() {
    this.leaveClip();
    this.show("statistics");
    try {
      showStatistics(await this.data.statistics());
    } catch (error) {
      this.fail(error);
    }
  }

  async showClip(clip) {
    this.show("clip");
    this.clipView ||= new ClipView(this.room, this.data, {
      onopen: (id) => this.openClip(id), reviewer: () => this.reviewer,
    });
    window.popdanceset = hooks(this);
    if (!this.order.includes(clip.clip_id)) this.order = this.list.clips.map((each) => each.clip_id);
    this.lastClip = clip.clip_id;
    if (!this.room.readOnly) {
      this.attention.at(clip.clip_id);
      byId("note").value = this.notes.get(clip.clip_id) || "";
    }
    const at = this.order.indexOf(clip.clip_id);
    byId("position").textContent = at < 0 ? "" : `${(at + 1).toLocaleString("en")} of ${this.order.length.toLocaleString("en")}`;
    byId("next").disabled = at < 0 || at === this.order.length - 1;
    byId("previous").disabled = at <= 0;
    if (document.activeElement && !document.activeElement.closest("#view-clip")) document.activeElement.blur();
    try {
      this.clipView.clip = clip;
      this.showStates([clip.clip_id]);
      await this.clipView.open(clip);
      this.clipView.showPlayer();
    } catch (error) {
      this.fail(error);
    }
  }

  leaveClip() {
    if (!this.clipView || !this.clipView.clip) return;
    this.clipView.close();
    if (!this.room.readOnly) this.attention.at(null);
  }

  neighbour(step) {
    const id = this.order[this.order.indexOf(this.lastClip) + step];
    if (id) this.go("clip", id);
    else say(step > 0 ? "This is the last clip of the list." : "This is the first clip of the list.");
  }

  /** The next clip of the list that nobody has judged, from the one shown on and then from the top. */
  nextOpen() {
    const at = this.order.indexOf(this.lastClip);
    const following = [...this.order.slice(at + 1), ...this.order.slice(0, Math.max(0, at))];
    return following.find((id) => {
      const clip = this.room.clips.get(id);
      return clip && !clip.state.judgement && !this.isJudgedHere(id);
    });
  }

  /** Whether a judgement of this reviewer on a clip is on its way. */
  isJudgedHere(id) {
    return this.outbox.entries.some(({ kind, body }) =>
      kind === "decide" && ["accept", "reject"].includes(body.kind) && body.clip_ids.includes(id));
  }

  // -- keys

  key(event) {
    if (isAsking() || event.ctrlKey || event.metaKey || event.altKey || this.view === "login") return;
    const { target } = event;
    const types = target.closest("input:not([type=checkbox]), textarea, select");
    if (types) {
      if (event.key === "Escape") target.blur();
      return;
    }
    // A key that is held down must not judge one clip after the other.
    if (event.repeat && (event.key === "z" || DECISIONS.some(({ key }) => key === event.key))) return;
    if ((event.key === " " || event.key === "Enter") && target.closest("button, a, input")) return;
    if (this.act(event.key)) event.preventDefault();
  }

  act(key) {
    const everywhere = EVERYWHERE.find((action) => action.keys.includes(key));
    if (everywhere && everywhere.name === "help") return this.help() || true;
    if (everywhere) return this.outbox ? this.undo() || true : false;
    const decision = DECISIONS.find((each) => each.key === key);
    if (this.view === "list") return this.actInList(key, decision);
    if (this.view !== "clip") return key === "Escape" && (this.go("list") || true);
    if (decision && this.outbox) return this.decideOnClip(decision.name) || true;
    if (key === "n" && this.outbox) return byId("note").focus() || true;
    const action = playerAction(key);
    if (!action) return false;
    if (action.name === "next") this.neighbour(1);
    else if (action.name === "previous") this.neighbour(-1);
    else if (action.name === "list") this.go("list");
    else this.clipView.do(action.name);
    return true;
  }

  actInList(key, decision) {
    if (key === "/") {
      this.list.form.elements.text.focus();
      return true;
    }
    if (!decision || !this.outbox || !BULK.includes(decision.name)) return false;
    this.list.decideHere(decision.name);
    return true;
  }

  async help() {
    await showKeys(this.room && this.room.readOnly);
  }

  // -- decisions

  decideOnClip(name) {
    const { clip } = this.clipView;
    const { needs } = DECISIONS.find((each) => each.name === name);
    if (needs === "loop" && !this.clipView.clock.hasLoop) {
      complain("Set a loop first: i at its start, o at its end.");
      return;
    }
    // Nobody can judge what is not on the screen yet.
    if (needs ? this.clipView.ready !== clip.clip_id : !this.clipView.canJudge) {
      complain("Wait until the clip is loaded.");
      return;
    }
    this.decide(name, [clip.clip_id], false);
  }

  /** Asks what is to be asked, and sends a decision on some clips. */
  async decide(name, ids, many) {
    if (!(await this.askName(true))) return;
    const single = !many && ids.length === 1;
    const refused = name === "accept" && !single ? ids.filter((id) => this.room.clips.get(id).waiting) : [];
    if (refused.length) {
      complain(`${counted(refused.length, "clip")} without poses cannot be accepted: filter by verdict first.`);
      return;
    }
    const answer = await this.ask(name, ids, single);
    if (!answer) return;
    const onClip = this.view === "clip";
    const note = answer.note ?? (single ? this.notes.get(ids[0]) : "") ?? "";
    const next = onClip && DECISIONS.find((each) => each.name === name).judges ? this.nextOpen() : undefined;
    if (single) this.notes.delete(ids[0]);
    this.outbox.decide({
      reviewer: this.reviewer, clip_ids: ids, kind: name, value: answer.value || "", note,
    });
    if (!onClip) {
      if (many) this.list.unselect();
      return;
    }
    byId("note").value = this.notes.get(this.clipView.clip.clip_id) || "";
    if (!["accept", "reject"].includes(name)) return;
    if (next) {
      this.go("clip", next);
    } else {
      say("No open clip is left in this list.");
      this.go("list");
    }
  }

  /** Resolves with {value, note} of a decision, or null if the reviewer thinks better of it. */
  async ask(name, ids, single) {
    const clip = single ? this.room.clips.get(ids[0]) : {};
    const count = counted(ids.length, "clip");
    const suffix = single ? "" : ` of ${count}`;
    const among = (values) => (text) => values.filter((value) => value.toLowerCase().includes(text.toLowerCase()));
    switch (name) {
      case "reject":
        return askReason(this.room.info.judgement_reasons, this.notes.get(ids[0]) || "", ids.length);
      case "genre":
        return askChoice(`Genre${suffix}`, "Genre", this.room.info.genres, clip.genre);
      case "dancer":
        return askText(`Dancer${suffix}`, "Dancer", among(this.room.values("dancer_id")), { value: clip.dancer_id || "" });
      case "music": {
        const same = single && this.clipView && this.clipView.detail ? this.clipView.detail.same_music || [] : [];
        const all = [...new Set([...same, ...this.room.clips.keys()])].filter((id) => !ids.includes(id));
        return askText(`Same music as …${single ? "" : ` (${count})`}`, "Clip id", among(all),
          { hint: "The clip keeps its own music until the next acquire." });
      }
      case "split":
        return { value: this.partTime(this.clipView.clock.position / this.clipView.clock.fps) };
      case "trim":
      case "swap":
        return { value: this.clipView.clock.loop.map((seconds) => this.partTime(seconds)).join("-") };
      default: {
        if (single) return { value: "" };
        const label = DECISIONS.find((each) => each.name === name).label;
        return confirmMany(`${label}: ${count}?`, `This decides on ${count} at once. Undo takes all of it back.`, `${label}: ${count}`);
      }
    }
  }

  /** A time of the clip as one of its part, in which decisions are written. */
  partTime(seconds) {
    return ((this.clipView.clip.start || 0) + seconds).toFixed(3);
  }

  undo() {
    if (!this.reviewer) return;
    if (this.outbox.undo(this.reviewer) === "dropped") say("The decision that was not saved is dropped.");
  }

  saved(entry, answer, nothing) {
    const ids = Object.keys(answer.states || {});
    const [first] = entry.body.clip_ids || ids;
    if (entry.kind === "undo") {
      say(nothing ? "There is nothing to undo." : `Taken back on ${ids.length === 1 ? first : counted(ids.length, "clip")}.`);
      if (!nothing && ids.length === 1 && this.view === "clip" && first !== this.lastClip) this.go("clip", first);
    } else {
      const { clip_ids: on, kind } = entry.body;
      say(`${on.length === 1 ? first : counted(on.length, "clip")}: ${PAST[kind] || kind}.`);
    }
    this.refreshOpen(entry.body.clip_ids || ids);
  }

  refreshOpen(ids) {
    if (this.view !== "clip" || !ids.includes(this.lastClip)) return;
    this.clipView.refreshDecisions().catch((error) => this.fail(error));
  }

  showUnsaved(entries, problem = "") {
    const refused = entries.filter((entry) => entry.failed);
    const bar = byId("unsaved");
    bar.hidden = !refused.length && !problem;
    if (bar.hidden) {
      bar.replaceChildren();
      return;
    }
    const said = refused.length
      ? `${counted(refused.length, "decision")} not saved: ${refused[0].body.kind} on ${refused[0].body.clip_ids[0]}: ${refused[0].failed}`
      : `${counted(entries.length, "decision")} not saved yet: ${problem}. Keep this tab open; it tries again.`;
    bar.replaceChildren(
      element("span", {}, said),
      element("button", { type: "button", onclick: () => this.outbox.retry() }, "Try again"),
      refused.length ? element("button", { type: "button", onclick: () => this.outbox.dropRefused() }, "Drop") : "",
    );
    if (problem) complain(said);
  }

  // -- others

  /** Takes the decisions of other reviewers. */
  async poll() {
    try {
      if (!document.hidden && this.view !== "login") {
        const { latest, clips, list } = await this.data.changes(this.room.latest);
        this.room.latest = latest;
        const changed = this.room.apply(clips);
        // A stage has written clips or poses meanwhile.
        if (list !== this.room.mark) this.room.load(await this.data.clips());
        this.refreshOpen(changed);
        if (this.lost) say("The server answers again.");
        this.lost = false;
      }
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        this.showLogin();
      } else if (error instanceof Unreachable || error instanceof Refused) {
        if (!this.lost) complain(`No news of other reviewers: ${error.message}.`);
        this.lost = true;
      } else {
        throw error;
      }
    } finally {
      setTimeout(() => this.poll(), POLL_EVERY);
    }
  }

  reportLook(clipId, seconds) {
    if (!this.reviewer || this.room.readOnly) return;
    this.data.looked(this.reviewer, clipId, seconds).catch((error) => {
      // Only a statistic: not worth the reviewer's attention.
      if (!(error instanceof Unreachable || error instanceof Refused)) throw error;
    });
  }

  showStates(ids) {
    this.showProgress();
    const clip = this.clipView && this.clipView.clip;
    if (!clip || !ids.includes(clip.clip_id)) return;
    const badge = byId("clip-state");
    badge.textContent = stateText(clip) || "open";
    badge.dataset.mark = stateMark(clip);
  }

  showProgress() {
    const { decided, disagreements, total } = this.room.progress();
    byId("progress").max = Math.max(1, total);
    byId("progress").value = decided;
    const disagree = disagreements ? `, ${counted(disagreements, "disagreement")}` : "";
    byId("progress-text").textContent =
      `${decided.toLocaleString("en")} of ${counted(total, "clip")} judged${disagree}`;
  }

  // -- who

  /** Asks for the reviewer's name unless it is known; resolves with it, or "" if it was not given. */
  async askName(onlyIfUnknown) {
    if (onlyIfUnknown && this.reviewer) return this.reviewer;
    const answer = await askText("Who reviews?", "Your name", () => [], {
      value: this.reviewer, required: !this.reviewer, submit: "Start",
      hint: "It is kept with your decisions, so that reviewers can be compared.",
    });
    const name = answer ? answer.value.trim() : "";
    if (name) {
      this.reviewer = name;
      localStorage.setItem(STORED_NAME, name);
      this.showName();
      this.list.refresh();
    }
    return this.reviewer;
  }

  showName() {
    byId("reviewer").textContent = this.reviewer ? `Reviewer: ${this.reviewer}` : "Your name…";
  }

  showLogin() {
    this.show("login");
    byId("token").focus();
  }

  async login(event) {
    event.preventDefault();
    try {
      await this.data.login(byId("token").value);
    } catch (error) {
      byId("token").select();
      this.fail(error);
      return;
    }
    byId("token").value = "";
    if (!this.room) {
      await this.load();
      return;
    }
    await this.route();
    if (this.outbox) this.outbox.send();
  }

  fail(error) {
    if (error instanceof Refused && error.status === 401 && this.view !== "login") {
      this.showLogin();
    } else if (error instanceof Refused || error instanceof Unreachable) {
      complain(`${error.message}.`.replace(/\.\.$/, "."));
    } else {
      complain(`The page failed: ${error.message}`);
      throw error;
    }
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** What tests and benchmarks read: nothing in the page uses it. */
function hooks(page) {
  const { clipView } = page;
  return {
    clock: clipView.clock,
    joints: (n = 0) => clipView.body.joints(n),
    body: clipView.body,
    get drift() {
      return clipView.clock.drift;
    },
    get ready() {
      return clipView.ready;
    },
    get frame() {
      return clipView.body.frame;
    },
  };
}

new Page(connect()).start();
