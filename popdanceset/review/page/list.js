// The list of clips: filters, sorting, what is selected, and decisions on many clips at once.

import { byId, counted, decimals, element } from "./dom.js";
import { BULK, DECISIONS } from "./actions.js";
import { Grid } from "./grid.js";
import { NUMBERS, STATES, filtered, verdictOf } from "./filters.js";

const COLUMNS = [
  { name: "clip_id", label: "Clip", text: (clip) => clip.clip_id, long: true },
  { name: "title", label: "Title", text: (clip) => clip.title || "", long: true },
  { name: "verdict", label: "Verdict", text: verdictOf, mark: verdictOf },
  { name: "score", label: "Score", text: (clip) => decimals(clip.score, 2) },
  { name: "jitter", label: "Jitter", title: "Mean joint acceleration, m/s²", text: (clip) => decimals(clip.jitter, 2) },
  { name: "skating", label: "Skating", title: "Share of feet on the floor that slide",
    text: (clip) => decimals(clip.skating, 2) },
  { name: "pop", label: "Pop", title: "Popularity", text: (clip) => decimals(clip.pop, 2) },
  { name: "genre", label: "Genre", text: (clip) => clip.genre || "", long: true },
  { name: "music_id", label: "Music", text: (clip) => clip.music_id || "", long: true },
  { name: "uploader", label: "Uploader", text: (clip) => String(clip.uploader ?? ""), long: true },
  { name: "reasons", label: "Reasons", text: (clip) => (clip.reasons || []).join(", "), long: true },
  { name: "seconds", label: "s", title: "Length, seconds", text: (clip) => decimals(clip.seconds, 1) },
  { name: "state", label: "Review", text: stateText, mark: stateMark, long: true },
];

/** What reviewers said of a clip, in a few words. */
export function stateText(clip) {
  const { judgement, reason, by, changes } = clip.state;
  const words = { accept: "accepted", reject: "rejected", disagree: "disagreement" }[judgement] || "";
  const parts = [
    clip.pending ? "saving…" : "",
    reason && judgement === "reject" ? `${words}: ${reason}` : words,
    changes ? counted(changes, "change") : "",
    (by || []).join(", "),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** How the cell of the state looks. */
export function stateMark(clip) {
  return clip.pending ? "pending" : clip.state.judgement || "open";
}

/** The view. `actions`: onopen(clip), onfilter(filter), ondecide(name, ids). */
export class List {
  constructor(room, actions, reviewer) {
    Object.assign(this, { room, actions, reviewer });
    this.filter = {};
    this.form = byId("filters");
    this.makeForm();
    this.grid = new Grid(byId("grid"), {
      label: "Clips",
      columns: COLUMNS.filter(({ name }) => name !== "state" || !room.readOnly),
      idOf: (clip) => clip.clip_id,
      onopen: (clip) => actions.onopen(clip),
      onselect: () => this.showTarget(),
      onsort: (name) => this.sortBy(name),
    });
    this.makeBulk();
    let queued = false;
    room.listen(() => {
      if (queued) return;
      queued = true;
      // Many states may change at once; the list is sorted once.
      setTimeout(() => {
        queued = false;
        this.refresh();
      }, 0);
    });
  }

  /** The clips shown, in order. */
  get clips() {
    return this.grid.items;
  }

  makeForm() {
    const select = (name, label, options) =>
      element("label", {}, label, element("select", { name }, options.map(([value, text]) =>
        element("option", { value }, text))));
    const any = (values) => [["", "all"], ...values.map((value) => [value, value])];
    const input = (name, label, column) =>
      element("label", {}, label, element("input", { name, type: "search", list: `all-${name}`, autocomplete: "off" }),
        element("datalist", { id: `all-${name}` }, this.room.values(column).slice(0, 300).map((value) =>
          element("option", { value }))));
    const range = ({ name, label, step }) =>
      element("fieldset", {}, element("legend", {}, label),
        element("input", { name: `min_${name}`, type: "number", step, "aria-label": `${label}, least`, placeholder: "min" }),
        element("input", { name: `max_${name}`, type: "number", step, "aria-label": `${label}, most`, placeholder: "max" }));
    const verdicts = ["reject", "review", "accept", "waiting"];
    this.form.replaceChildren(...[
      element("label", { class: "wide" }, "Search", element("input", { name: "text", type: "search", autocomplete: "off" })),
      select("verdict", "Verdict", any(verdicts)),
      select("reason", "Reason", any(this.room.values("reasons"))),
      select("genre", "Genre", any(this.room.values("genre"))),
      input("music", "Music", "music_id"),
      input("uploader", "Uploader", "uploader"),
      this.room.readOnly ? null : select("state", "Review", STATES),
      ...NUMBERS.map(range),
      element("button", { type: "reset" }, "Clear"),
    ].filter(Boolean));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => this.changed());
    this.form.addEventListener("reset", () => setTimeout(() => this.changed(), 0));
  }

  changed() {
    const { sort, down } = this.filter;
    const given = Object.fromEntries([...new FormData(this.form)].filter(([, value]) => value));
    this.actions.onfilter({ ...given, sort, down });
  }

  sortBy(name) {
    const { sort, down } = this.filter;
    const next = sort !== name ? { sort: name, down: "" } : down ? { sort: "", down: "" } : { sort: name, down: "1" };
    this.actions.onfilter({ ...this.filter, ...next });
  }

  /** Takes a filter from the address. */
  setFilter(filter) {
    this.filter = filter;
    for (const field of this.form.elements) {
      if (field.name && document.activeElement !== field) field.value = filter[field.name] || "";
    }
    this.refresh();
  }

  refresh() {
    const found = filtered(this.room.clips.values(), this.filter, this.reviewer());
    this.grid.show(found, this.filter.sort || "", Boolean(this.filter.down));
    byId("found").textContent = `${counted(found.length, "clip")} of ${this.room.clips.size.toLocaleString("en")}`;
    this.showTarget();
  }

  makeBulk() {
    if (this.room.readOnly) return;
    byId("bulk").replaceChildren(
      element("span", { id: "target" }),
      ...DECISIONS.filter(({ name }) => BULK.includes(name)).map(({ name, label, key }) =>
        element("button", { type: "button", "data-bulk": name, onclick: () => this.decideAll(name) },
          label.replace("…", ""), "…", element("kbd", { "aria-hidden": "true" }, key))),
    );
  }

  showTarget() {
    const target = document.getElementById("target");
    if (!target || !this.grid) return;
    const count = this.grid.selected.size;
    target.textContent = count ? `${counted(count, "selected clip")}:` : `All ${counted(this.clips.length, "clip")} shown:`;
    for (const button of byId("bulk").querySelectorAll("button")) button.disabled = !this.clips.length;
  }

  /** Buttons: what is selected, else all that the filter shows. */
  decideAll(name) {
    const chosen = this.grid.chosen();
    this.actions.ondecide(name, (chosen.length ? chosen : this.clips).map((clip) => clip.clip_id), true);
  }

  /** Keys: what is selected, else the active clip. */
  decideHere(name) {
    const chosen = this.grid.chosen();
    const active = this.grid.activeItem;
    const clips = chosen.length ? chosen : active ? [active] : [];
    if (clips.length) this.actions.ondecide(name, clips.map((clip) => clip.clip_id), clips.length > 1);
  }

  unselect() {
    this.grid.selectAll(false);
  }
}
