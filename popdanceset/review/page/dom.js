// Makes elements. Text given here stays text: nothing in this page turns a string into markup.

/** Makes an element. Attributes that start with "on" are listeners; children are elements or text. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The element of index.html with an id. */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`index.html has no element ${id}`);
  return node;
}

/** Writes text only where it differs, so that unchanged cells cost no layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** "1 clip", "2 clips". */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** Seconds as m:ss.s. */
export function clockTime(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

/** A number with a fixed number of decimals; empty if it is unknown. */
export function decimals(value, places) {
  return value === null || value === undefined || !Number.isFinite(value) ? "" : value.toFixed(places);
}
