// What keys and buttons do: one table for the buttons, the keyboard and the help.

/** Decisions on a clip. `judges` marks judgements, after which the next open clip is shown. */
export const DECISIONS = [
  { key: "a", name: "accept", label: "Accept", help: "accept the poses", judges: true },
  { key: "r", name: "reject", label: "Reject…", help: "reject the clip: choose a reason", judges: true },
  { key: "e", name: "redo", label: "Redo", help: "extract the poses again" },
  { key: "s", name: "split", label: "Split", help: "divide the clip at the frame shown", needs: "clip" },
  { key: "t", name: "trim", label: "Trim", help: "keep only the loop", needs: "loop" },
  { key: "x", name: "swap", label: "Swap", help: "left and right are exchanged in the loop", needs: "loop" },
  { key: "g", name: "genre", label: "Genre…", help: "set the genre" },
  { key: "d", name: "dancer", label: "Dancer…", help: "name the dancer" },
  { key: "m", name: "music", label: "Same music…", help: "name a clip with the same music" },
];

/** What can be decided on many clips at once. */
export const BULK = ["accept", "reject", "redo", "genre", "dancer", "music"];

/** Keys of the clip view that decide nothing. */
export const PLAYER = [
  { keys: [" "], shown: "Space", name: "play", help: "play or pause" },
  { keys: [","], shown: ",", name: "back", help: "one frame back" },
  { keys: ["."], shown: ".", name: "on", help: "one frame on" },
  { keys: ["h"], shown: "h", name: "half", help: "half speed, and back to full speed" },
  { keys: ["i"], shown: "i", name: "in", help: "the loop starts here" },
  { keys: ["o"], shown: "o", name: "out", help: "the loop ends here" },
  { keys: ["c"], shown: "c", name: "clear", help: "remove the loop" },
  { keys: ["p"], shown: "p", name: "overlay", help: "show or hide the 2D keypoints" },
  { keys: ["v"], shown: "v", name: "source", help: "side by side with the next source" },
  { keys: ["f"], shown: "f", name: "view", help: "3D body from the front, the side, above" },
  { keys: ["j", "ArrowDown", "ArrowRight"], shown: "j → ↓", name: "next", help: "next clip of the list" },
  { keys: ["k", "ArrowUp", "ArrowLeft"], shown: "k ← ↑", name: "previous", help: "previous clip of the list" },
  { keys: ["Escape"], shown: "Esc", name: "list", help: "back to the list" },
];

/** Keys everywhere. */
export const EVERYWHERE = [
  { keys: ["z"], shown: "z", name: "undo", help: "take your last decision back", decides: true },
  { keys: ["?"], shown: "?", name: "help", help: "show the keys" },
];

/** Keys of the list, which the list itself understands. */
export const LIST = [
  { shown: "j ↓ k ↑", help: "next and previous clip" },
  { shown: "Enter l", help: "open the clip" },
  { shown: "Space", help: "select the clip", decides: true },
  { shown: "/", help: "search" },
  { shown: BULK.map((name) => DECISIONS.find((each) => each.name === name).key).join(" "),
    help: "decide on the selected clips, else on the active one", decides: true },
];

/** The player's action of a key. */
export function playerAction(key) {
  return PLAYER.find((action) => action.keys.includes(key));
}
