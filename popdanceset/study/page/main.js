// The pages of a study: consent, pairs, thanks.

import { byId, counted, element } from "../dom.js";
import { complain, say } from "../messages.js";
import { ask, insist, Refused } from "./server.js";
import { Trial } from "./trial.js";

const VIEWS = ["loading", "login", "consent", "trial", "end"];
let study = null;
let trial = null;

function show(view) {
  for (const each of VIEWS) byId(`view-${each}`).hidden = each !== view;
}

/** Shows what the server says is next. */
async function go(state) {
  byId("progress-label").hidden = !state.joined;
  if (!state.joined) {
    show("consent");
    return;
  }
  const done = state.trial ? state.trial.position : state.total;
  byId("progress").max = state.total;
  byId("progress").value = done;
  byId("progress-text").textContent = state.trial ? `Pair ${done + 1} of ${state.total}` : "Finished";
  if (!state.trial) {
    if (trial) trial.close();
    show("end");
    byId("number").textContent = state.participant;
    byId("end-head").focus();
    return;
  }
  show("trial");
  trial = trial || new Trial(study, choose);
  window.popdanceset = { trial };
  await trial.show(state.trial);
}

async function choose(answer) {
  let failed = false;
  const state = await insist("/api/answers", answer, () => {
    failed = true;
    complain("Your answer is not saved yet: the server cannot be reached. Trying again…");
  });
  if (failed) say("Your answer is saved.");
  await go(state);
}

function prepare() {
  document.title = study.title;
  byId("title").textContent = study.title;
  byId("consent-text").replaceChildren(...study.consent.map((text) => element("li", {}, text)));
  byId("amount").textContent = `There are ${counted(study.pairs, "pair")}. Please turn on your sound.`;
  byId("age").replaceChildren(
    element("option", { value: "" }, "Choose…"),
    ...study.age_bands.map((band) => element("option", { value: band }, band)),
  );
}

async function start() {
  try {
    study = await ask("/api/study");
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 401) throw error;
    show("login");
    byId("token").focus();
    return;
  }
  prepare();
  await go(study);
}

/** Runs something that may fail, and says so. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    complain(error.message);
  }
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await ask("/api/login", { token: byId("token").value });
    await start();
  });
});
byId("consent").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => go(await ask("/api/join", { age_band: byId("age").value })));
});
attempt(start);
