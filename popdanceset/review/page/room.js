// The clips and what reviewers said of them, as the page knows it.

/** The room: its description, its clips by id in the server's order (worst first), and who listens. */
export class Room {
  constructor(info, table) {
    this.info = info;
    this.listeners = new Set();
    this.clips = new Map();
    this.load(table);
  }

  /** Takes the clips as the server lists them now. */
  load(table) {
    this.latest = table.latest || 0;
    this.mark = table.list;
    const before = this.clips;
    this.clips = new Map();
    table.rows.forEach((row, rank) => {
      const clip = { rank, pending: 0 };
      table.columns.forEach((column, index) => {
        clip[column] = row[index];
      });
      clip.state = clip.state || { judgement: "", reason: "", by: [], changes: 0 };
      const known = before.get(clip.clip_id);
      // The same object: views hold on to it.
      this.clips.set(clip.clip_id, known ? Object.assign(known, clip, { pending: known.pending }) : clip);
    });
    this.tell([...this.clips.keys()]);
  }

  get readOnly() {
    return this.info.mode !== "review";
  }

  /** Calls a function with the ids of clips that changed. */
  listen(listener) {
    this.listeners.add(listener);
  }

  /** Takes new states, as the server gives them; returns whether any differs. */
  apply(states) {
    const changed = Object.keys(states || {}).filter((id) => {
      const clip = this.clips.get(id);
      return clip && JSON.stringify(clip.state) !== JSON.stringify(states[id]);
    });
    for (const id of changed) this.clips.get(id).state = states[id];
    this.tell(changed);
    return changed;
  }

  /** Counts decisions on clips that the server has not acknowledged. */
  addPending(ids, count) {
    for (const id of ids) {
      const clip = this.clips.get(id);
      if (clip) clip.pending = Math.max(0, clip.pending + count);
    }
    this.tell(ids);
  }

  tell(ids) {
    if (ids.length) for (const listener of this.listeners) listener(ids);
  }

  /** Numbers for the progress bar. */
  progress() {
    let decided = 0;
    let disagreements = 0;
    for (const { state } of this.clips.values()) {
      if (state.judgement) decided += 1;
      if (state.judgement === "disagree") disagreements += 1;
    }
    return { decided, disagreements, total: this.clips.size };
  }

  /** The different values of a column, sorted. */
  values(column) {
    const found = new Set();
    for (const clip of this.clips.values()) {
      const value = clip[column];
      if (Array.isArray(value)) for (const each of value) found.add(each);
      else if (value !== null && value !== undefined && value !== "") found.add(String(value));
    }
    return [...found].sort((a, b) => a.localeCompare(b));
  }
}
