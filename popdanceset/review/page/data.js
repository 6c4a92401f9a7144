// The only way to the data: a server (GET and POST), or a global object that a static export fills.

/** The server refused: what it said, and the status of its answer. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The server did not answer. */
export class Unreachable extends Error {}

/** Returns the source of all data: the export if there is one, else the server. */
export function connect() {
  const exported = window.POPDANCESET;
  return exported && typeof exported === "object" ? new Exported(exported) : new Served();
}

/** Data of a server. */
export class Served {
  room() {
    return this.get("/api/room");
  }

  clips() {
    return this.get("/api/clips");
  }

  changes(since) {
    return this.get(`/api/changes?since=${since}`);
  }

  detail(clipId, reviewer = "") {
    return this.get(`/api/clips/${encodeURIComponent(clipId)}?reviewer=${encodeURIComponent(reviewer)}`);
  }

  /** Beats that the server must find first, which takes a moment; seconds. */
  async beats(detail) {
    return detail.beats || (detail.beats_url ? (await this.get(detail.beats_url)).beats : []);
  }

  statistics() {
    return this.get("/api/statistics");
  }

  /** Joints (frames, 24, 3) of a source as Float32Array; the empty name is the store itself. */
  joints(detail, source = "") {
    const url = detail.motion && detail.motion.joints_url;
    return url ? this.numbers(source ? `${url}?source=${encodeURIComponent(source)}` : url) : null;
  }

  keypoints(detail) {
    const url = detail.motion && detail.motion.keypoints_url;
    return url ? this.numbers(url) : null;
  }

  decide(decision) {
    return this.post("/api/decisions", decision);
  }

  undo(reviewer) {
    return this.post("/api/undo", { reviewer });
  }

  looked(reviewer, clipId, seconds) {
    // It may be sent while the page closes.
    return this.post("/api/looked", { reviewer, clip_id: clipId, seconds }, { keepalive: true });
  }

  login(token) {
    return this.post("/api/login", { token });
  }

  async get(url) {
    return (await answered(url)).json();
  }

  async post(url, body, options = {}) {
    const request = { method: "POST", headers: { "Content-Type": "application/json" }, ...options };
    return (await answered(url, { ...request, body: JSON.stringify(body) })).json();
  }

  async numbers(url) {
    return new Float32Array(await (await answered(url)).arrayBuffer());
  }
}

async function answered(url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    throw new Unreachable("the server does not answer", { cause: error });
  }
  if (answer.ok) return answer;
  let message = `the server answered ${answer.status}`;
  if ((answer.headers.get("Content-Type") || "").includes("json")) {
    message = (await answer.json()).error || message;
  }
  throw new Refused(answer.status, message);
}

/** Data of a static export: read only. */
export class Exported {
  constructor(exported) {
    this.exported = exported;
  }

  async room() {
    return this.exported.room;
  }

  async clips() {
    return this.exported.clips;
  }

  async statistics() {
    return this.exported.statistics;
  }

  async detail(clipId) {
    const { details, files } = this.exported;
    if (!details[clipId]) await loadScript(files[clipId]);
    if (!details[clipId]) throw new Refused(404, `the export has no clip ${clipId}`);
    const detail = details[clipId];
    // One clip at a time is enough: their arrays are large.
    delete details[clipId];
    return detail;
  }

  async beats(detail) {
    return detail.beats || [];
  }

  async joints(detail, source = "") {
    return decoded(detail.arrays && detail.arrays.joints && detail.arrays.joints[source]);
  }

  async keypoints(detail) {
    return decoded(detail.arrays && detail.arrays.keypoints);
  }
}

function loadScript(address) {
  if (!address) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => {
      script.remove();
      resolve();
    };
    script.onerror = () => {
      script.remove();
      reject(new Unreachable(`${address} is missing from the export`));
    };
    document.head.append(script);
  });
}

/** Numbers of an array of the export: float32, or int16 times a scale. */
function decoded(array) {
  if (!array) return null;
  const bytes = Uint8Array.from(atob(array.data), (character) => character.charCodeAt(0));
  if (array.scale === undefined) return new Float32Array(bytes.buffer);
  return Float32Array.from(new Int16Array(bytes.buffer), (value) => value * array.scale);
}
