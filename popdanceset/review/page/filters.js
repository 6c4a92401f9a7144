// Which clips the list shows and in which order; how that is written into the address.

export const NUMBERS = [
  { name: "score", label: "Score", step: 0.05 },
  { name: "jitter", label: "Jitter", step: 0.5 },
  { name: "skating", label: "Foot skating", step: 0.05 },
  { name: "pop", label: "Pop", step: 0.05 },
];

export const STATES = [
  ["", "all"],
  ["open", "open"],
  ["mine", "decided by me"],
  ["not-mine", "not decided by me"],
  ["disagree", "disagreement"],
  ["accept", "accepted"],
  ["reject", "rejected"],
  ["changes", "with changes"],
];

/** Columns by which the list can be sorted; the empty one is the server's order, worst first. */
export const SORTS = [
  "", "clip_id", "title", "verdict", "score", "jitter", "skating", "pop", "genre", "music_id", "uploader",
  "reasons", "seconds", "state",
];

const EXACT = ["verdict", "genre"];
const PART = [["music", "music_id"], ["uploader", "uploader"]];
const KEYS = [
  "text", ...EXACT, "reason", "music", "uploader", "state", "sort", "down",
  ...NUMBERS.flatMap(({ name }) => [`min_${name}`, `max_${name}`]),
];

/** The filter that an address holds; keys that are unknown or empty are left out. */
export function readFilter(query) {
  const given = new URLSearchParams(query);
  const filter = {};
  for (const key of KEYS) {
    const value = given.get(key);
    if (value) filter[key] = value;
  }
  if (!SORTS.includes(filter.sort)) delete filter.sort;
  return filter;
}

/** A filter as the query of an address. */
export function writeFilter(filter) {
  const query = new URLSearchParams();
  for (const key of KEYS) if (filter[key]) query.set(key, filter[key]);
  return query.toString();
}

/** The clips that a filter lets through, sorted. */
export function filtered(clips, filter, reviewer) {
  const tests = conditions(filter, reviewer);
  const found = [];
  for (const clip of clips) if (tests.every((test) => test(clip))) found.push(clip);
  return found.sort(ordering(filter));
}

function conditions(filter, reviewer) {
  const tests = [];
  const words = (filter.text || "").toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) tests.push((clip) => words.every((word) => haystack(clip).includes(word)));
  for (const key of EXACT) {
    if (filter[key]) tests.push((clip) => (key === "verdict" ? verdictOf(clip) : clip[key]) === filter[key]);
  }
  for (const [key, column] of PART) {
    const part = (filter[key] || "").toLowerCase();
    if (part) tests.push((clip) => String(clip[column] || "").toLowerCase().includes(part));
  }
  if (filter.reason) {
    tests.push((clip) => (clip.reasons || []).includes(filter.reason) || clip.state.reason === filter.reason);
  }
  if (filter.state) tests.push((clip) => isInState(clip, filter.state, reviewer));
  for (const { name } of NUMBERS) {
    const least = Number.parseFloat(filter[`min_${name}`]);
    const most = Number.parseFloat(filter[`max_${name}`]);
    if (Number.isFinite(least)) tests.push((clip) => known(clip[name]) && clip[name] >= least);
    if (Number.isFinite(most)) tests.push((clip) => known(clip[name]) && clip[name] <= most);
  }
  return tests;
}

function known(value) {
  return value !== null && value !== undefined;
}

/** A clip's verdict; "waiting" if it has no poses yet. */
export function verdictOf(clip) {
  return clip.verdict || (clip.waiting ? "waiting" : "");
}

/** Whether a clip is in a state of review. */
export function isInState(clip, state, reviewer) {
  const { judgement, by, changes } = clip.state;
  if (state === "open") return !judgement;
  if (state === "mine") return (by || []).includes(reviewer);
  if (state === "not-mine") return !(by || []).includes(reviewer);
  if (state === "changes") return changes > 0;
  return judgement === state;
}

function haystack(clip) {
  const { title, clip_id: id, uploader, dancer_id: dancer, bvid, music_id: music } = clip;
  return [title, id, uploader, dancer, bvid, music].join(" ").toLowerCase();
}

function ordering({ sort, down }) {
  const sign = down ? -1 : 1;
  if (!sort) return (a, b) => sign * (a.rank - b.rank);
  return (a, b) => {
    const [left, right] = [sortValue(a, sort), sortValue(b, sort)];
    // Unknown values come last in either direction.
    if (left === null || right === null) {
      return left === right ? a.rank - b.rank : left === null ? 1 : -1;
    }
    const order = typeof left === "number" ? left - right : left < right ? -1 : left > right ? 1 : 0;
    return sign * order || a.rank - b.rank;
  };
}

function sortValue(clip, column) {
  if (column === "state") return clip.state.judgement || null;
  if (column === "reasons") return (clip.reasons || []).join(" ") || null;
  if (column === "verdict") return verdictOf(clip) || null;
  const value = clip[column];
  if (value === null || value === undefined || value === "") return null;
  return typeof value === "number" ? value : String(value).toLowerCase();
}
