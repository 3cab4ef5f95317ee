// The help page: how it works, and every key.

import { KEYS } from "./keys.js";
import { say } from "./words.js";

/** Open it; true when it was not open before. */
export function showHelp(mode) {
  const dialog = document.querySelector("#help");
  if (dialog.open) return false;
  const groups = ["play", "view", "answer"].map((group) => {
    const box = document.createElement("div");
    const title = document.createElement("h3");
    title.textContent = say(`help_${group}`);
    box.append(title);
    for (const row of KEYS.filter((key) => key.group === group && (!key.mode || key.mode === mode))) {
      const line = document.createElement("div");
      const keys = document.createElement("span");
      for (const shown of row.shown) {
        const key = document.createElement("kbd");
        key.textContent = shown.startsWith("key_") ? say(shown) : shown;
        keys.append(key);
      }
      const word = document.createElement("span");
      word.textContent = say(row.word);
      line.append(keys, word);
      box.append(line);
    }
    return box;
  });
  dialog.querySelector(".key-groups").replaceChildren(...groups);
  dialog.showModal();
  return true;
}
