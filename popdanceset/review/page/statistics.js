// How far the review is, how well reviewers agree, and what they accept.

import { byId, counted, decimals, element } from "./dom.js";

/** Shows the statistics of the server. */
export function showStatistics(found) {
  const { progress } = found;
  byId("statistics").replaceChildren(
    element("h2", {}, "Statistics"),
    table("Progress", [["", false], ["Clips", true]], progressRows(progress)),
    table(
      "Reviewers",
      [["Reviewer", false], ["Clips seen", true], ["Accepted", true], ["Rejected", true], ["Changes", true],
        ["Time", true], ["Median a clip", true]],
      found.reviewers.map((each) => [
        each.reviewer, each.clips, each.accepted, each.rejected, each.changes, duration(each.seconds),
        duration(each.median_seconds),
      ]),
      "Nobody has reviewed a clip yet.",
    ),
    table(
      "Agreement of reviewers",
      [["First", false], ["Second", false], ["Clips judged by both", true], ["Same judgement", true],
        ["Cohen's kappa", true]],
      found.agreements.map((each) => [
        each.first, each.second, each.clips, each.agreed, decimals(each.kappa, 2) || `undefined: ${each.why}`,
      ]),
      "It takes two reviewers to agree.",
    ),
    rates("Accepted, by estimator", "Estimator", found.by_estimator),
    rates("Accepted, by reason of the verdict", "Reason", found.by_reason),
    table("Rejected, by reason", [["Reason", false], ["Clips", true]], Object.entries(progress.reasons || {}),
      "No clip is rejected."),
  );
}

function progressRows(progress) {
  const rows = [
    ["to review", progress.clips], ["looked at", progress.seen], ["judged", progress.judged],
    ["accepted", progress.accepted], ["rejected", progress.rejected], ["disagreement", progress.open],
    ["with changes", progress.changed],
  ];
  return [...rows, ...Object.entries(progress.changes || {}).map(([kind, count]) => [`– ${kind}`, count])];
}

function rates(caption, first, found) {
  const share = (value) => `${(100 * value).toFixed(0)} %`;
  return table(
    caption,
    [[first, false], ["Accepted", true], ["Clips judged", true], ["Share", true], ["95 % interval", true]],
    found.map((each) => [
      each.name, each.accepted, each.clips, share(each.share), `${share(each.low)} to ${share(each.high)}`,
    ]),
    "No clip is judged.",
  );
}

function table(caption, columns, rows, empty = "") {
  if (!rows.length) return element("p", { class: "hint" }, `${caption}: ${empty}`);
  const looks = columns.map(([, number]) => (number ? "number" : null));
  const cell = (value, n) =>
    n === 0 ? element("th", { scope: "row" }, String(value)) : element("td", { class: looks[n] }, shown(value));
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, columns.map(([name], n) => element("th", { scope: "col", class: looks[n] }, name)))),
    element("tbody", {}, rows.map((row) => element("tr", {}, row.map(cell)))),
  );
}

function shown(value) {
  return typeof value === "number" ? value.toLocaleString("en") : String(value);
}

/** Seconds as people say them. */
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 90) return `${decimals(seconds, 1)} s`;
  return seconds < 5400 ? counted(Math.round(seconds / 60), "minute") : `${decimals(seconds / 3600, 1)} hours`;
}
