// Which key does what; the help page is made of the same table.

/** `group`, keys as they are shown, word of the help page, and what each key asks for. */
export const KEYS = [
  { group: "play", shown: ["key_space"], word: "key_play", does: { " ": "toggle" } },
  { group: "play", shown: ["J", "K", "L"], word: "key_jkl", does: { j: "back", k: "stop", l: "forward" } },
  { group: "play", shown: [",", "."], word: "key_step", does: { ",": "step_back", ".": "step_on", ArrowLeft: "step_back", ArrowRight: "step_on" } },
  { group: "play", shown: ["Home", "End"], word: "key_ends", does: { Home: "first", End: "last" } },
  { group: "play", shown: ["[", "]"], word: "key_speed", does: { "[": "slower", "]": "faster" } },
  { group: "play", shown: ["I", "O", "X"], word: "key_range", does: { i: "range_in", o: "range_out", x: "range_clear" } },
  { group: "view", shown: ["F"], word: "key_flicker", does: { f: "flicker" } },
  { group: "view", shown: ["W"], word: "key_wipe", does: { w: "wipe" } },
  { group: "view", shown: ["D"], word: "key_difference", does: { d: "difference" } },
  { group: "view", shown: ["S"], word: "key_side", does: { s: "side" } },
  { group: "view", shown: ["P"], word: "key_onion", does: { p: "onion" } },
  { group: "view", shown: ["M"], word: "key_mirror", does: { m: "mirror" } },
  { group: "view", shown: ["+", "−", "0"], word: "key_zoom", does: { "+": "zoom_in", "=": "zoom_in", "-": "zoom_out", 0: "zoom_fit" } },
  { group: "view", shown: ["V"], word: "key_anchor", does: { v: "anchor" }, mode: "score" },
  { group: "answer", shown: ["1", "…", "5"], word: "key_digits", does: { 1: "answer_1", 2: "answer_2", 3: "answer_3", 4: "answer_4", 5: "answer_5" } },
  { group: "answer", shown: ["↑", "↓"], word: "key_move", does: { ArrowUp: "previous", ArrowDown: "next" } },
  { group: "answer", shown: ["Enter"], word: "key_enter", does: { Enter: "submit" } },
  { group: "answer", shown: ["N"], word: "key_note", does: { n: "note" } },
  { group: "answer", shown: ["Z"], word: "key_undo", does: { z: "undo" } },
  { group: "answer", shown: ["?"], word: "key_help", does: { "?": "help" } },
];

const DOES = Object.assign({}, ...KEYS.map((row) => row.does));

// While a Japanese or Chinese input method is on, a key says "Process": then its place on the keyboard counts.
const PLACES = { Space: " ", Comma: ",", Period: ".", BracketLeft: "[", BracketRight: "]", Minus: "-", Equal: "=" };

function nameOf(event) {
  const key = event.key.length === 1 ? event.key.normalize("NFKC").toLowerCase() : event.key;
  if (key in DOES) return key;
  const place = event.code.match(/^(?:Key|Digit|Numpad)(.)$/);
  // Digits sit behind Shift on French and Czech keyboards.
  if (place && (event.key === "Process" || event.isComposing || /\d/.test(place[1]))) return place[1].toLowerCase();
  return event.key === "Process" ? PLACES[event.code] : key;
}

const writing = (target) => target.closest("input, textarea, select, [contenteditable]");

/** Call `act(action)` for every key that has one, except where somebody writes or a button has its own keys. */
export function listen(act) {
  let stopping = false; // K is held: J and L step
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || writing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const own = event.target.closest("button, [role=slider], a");
    if (own && (event.key === "Enter" || event.key === " ")) return;
    const name = nameOf(event);
    let action = DOES[name];
    if (!action) return;
    if (action === "stop") stopping = true;
    if (stopping && action === "back") action = "step_back";
    if (stopping && action === "forward") action = "step_on";
    event.preventDefault();
    if (event.repeat && !/^(step|zoom)/.test(action)) return;
    act(action);
  });
  addEventListener("keyup", (event) => {
    if (event.code === "KeyK" || event.key.toLowerCase() === "k") stopping = false;
  });
  addEventListener("blur", () => (stopping = false));
}
