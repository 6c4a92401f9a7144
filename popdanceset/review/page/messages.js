// What the page tells in words: a line for screen readers and eyes. Errors stay until the next message.

import { byId } from "./dom.js";

let fading = 0;

/** Says that something happened. */
export function say(text) {
  show("status", text);
  fading = setTimeout(() => show("status", ""), 6000);
}

/** Says that something went wrong. */
export function complain(text) {
  show("alert", text);
}

function show(id, text) {
  clearTimeout(fading);
  for (const each of ["status", "alert"]) byId(each).textContent = each === id ? text : "";
}
