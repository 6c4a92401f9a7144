// Questions to the reviewer, each in a dialog that the keyboard alone can answer.

import { byId, counted, element } from "./dom.js";
import { DECISIONS, EVERYWHERE, LIST, PLAYER } from "./actions.js";

let open = null;

/** Whether a dialog is open: then keys belong to it. */
export function isAsking() {
  return open !== null;
}

/**
 * Asks; resolves with the form's values, or null if it was cancelled. `required` dialogs cannot be,
 * and those that only tell something need not be. `onkey(event, form)` may handle keys.
 */
function ask({ title, body, submit, required = false, tells = false, danger = false, onkey = null }) {
  return new Promise((resolve) => {
    const dialog = byId("dialog");
    const cancel = element("button", { type: "button", onclick: () => finish(null) }, "Cancel");
    const form = element(
      "form",
      { class: "question" },
      element("h2", { id: "dialog-title" }, title),
      body,
      element(
        "p",
        { class: "answers" },
        required || tells ? null : cancel,
        submit ? element("button", { type: "submit", class: danger ? "danger" : "primary" }, submit) : null,
      ),
    );
    const finish = (answer) => {
      open = null;
      dialog.close();
      dialog.replaceChildren();
      dialog.onkeydown = null;
      dialog.oncancel = null;
      resolve(answer);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      finish(Object.fromEntries(new FormData(form)));
    });
    dialog.oncancel = (event) => {
      event.preventDefault();
      if (!required) finish(null);
    };
    dialog.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape" && required) event.preventDefault();
      if (event.key === "Enter" && event.target.tagName === "SELECT") {
        event.preventDefault();
        form.requestSubmit();
      }
      if (onkey && !event.ctrlKey && !event.metaKey && !event.altKey) onkey(event, form);
    };
    dialog.replaceChildren(form);
    dialog.setAttribute("aria-labelledby", "dialog-title");
    open = dialog;
    dialog.showModal();
    const first = form.querySelector("[autofocus], input, select, button[type=submit], button");
    if (first) first.focus();
  });
}

/** Asks for a reason and a note; resolves with {value, note} or null. */
export function askReason(reasons, note, count) {
  const choices = reasons.map(({ reason, meaning }, n) =>
    element(
      "label",
      { class: "choice" },
      element("input", { type: "radio", name: "value", value: reason, required: true, checked: n === 0 }),
      element("kbd", { "aria-hidden": "true" }, n < 9 ? String(n + 1) : ""),
      element("span", {}, meaning, " ", element("code", {}, reason)),
    ),
  );
  return ask({
    title: count === 1 ? "Reject the clip" : `Reject ${counted(count, "clip")}`,
    submit: count === 1 ? "Reject" : `Reject ${counted(count, "clip")}`,
    danger: true,
    body: [
      element(
        "fieldset",
        { class: "choices" },
        element("legend", {}, "Reason (keys 1 to 9, then Enter)"),
        choices,
      ),
      noteField(note),
    ],
    onkey: (event, form) => {
      const wanted = /^[1-9]$/.test(event.key) && choices[Number(event.key) - 1];
      if (event.target.name === "note") {
        if (event.key === "Enter" && !event.shiftKey) {
          event.preventDefault();
          form.requestSubmit();
        }
      } else if (wanted) {
        event.preventDefault();
        wanted.querySelector("input").checked = true;
        wanted.querySelector("input").focus();
      } else if (event.key === "n") {
        event.preventDefault();
        form.elements.note.focus();
      }
    },
  });
}

function noteField(note) {
  return element(
    "label",
    { class: "field" },
    "Note",
    element("textarea", { name: "note", rows: 2, maxlength: 20000 }, note || ""),
  );
}

/** Asks for one of some names; resolves with {value} or null. */
export function askChoice(title, label, names, current) {
  const options = names.map((name) => element("option", { value: name, selected: name === current }, name));
  const body = element("label", { class: "field" }, label, element("select", { name: "value" }, options));
  return ask({ title, body, submit: "Save" });
}

/** Asks for a text, with suggestions: `suggest(text)` gives some; resolves with {value} or null. */
export function askText(title, label, suggest, { value = "", required = false, submit = "Save", hint = "" } = {}) {
  const list = element("datalist", { id: "suggestions" });
  const refresh = (text) => {
    list.replaceChildren(...suggest(text).slice(0, 50).map((each) => element("option", { value: each })));
  };
  const input = element("input", {
    name: "value", value, required: true, maxlength: 80, list: "suggestions", autocomplete: "off",
    oninput: (event) => refresh(event.target.value),
  });
  refresh("");
  const about = hint ? element("p", { class: "hint" }, hint) : null;
  return ask({ title, submit, required, body: [element("label", { class: "field" }, label, input), list, about] });
}

/** Asks whether to decide on many clips; resolves with a value or null. */
export function confirmMany(title, text, submit) {
  return ask({ title, submit, body: element("p", {}, text) });
}

/** Shows the keys. */
export function showKeys(readOnly) {
  const part = (heading, rows) =>
    element(
      "section",
      {},
      element("h3", {}, heading),
      element("dl", { class: "keys" }, rows.map(([key, help]) => [
        element("dt", {}, element("kbd", {}, key)), element("dd", {}, help),
      ])),
    );
  const allowed = (rows) => rows.filter((row) => !readOnly || !row.decides);
  const shown = (rows) => allowed(rows).map((row) => [row.shown, row.help]);
  const decisions = DECISIONS.map(({ key, help }) => [key, help]);
  return ask({
    title: "Keys",
    submit: "Close",
    tells: true,
    body: element(
      "div",
      { class: "columns" },
      part("In a clip", shown(PLAYER)),
      element(
        "div",
        {},
        readOnly ? null : part("Decisions", [...decisions, ["n", "write a note for the next decision"]]),
        part("In the list", shown(LIST)),
        part("Everywhere", shown(EVERYWHERE)),
      ),
    ),
  });
}
