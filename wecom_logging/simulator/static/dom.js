// Building elements. Text only ever becomes text: nothing here parses markup.

import { say } from "./words.js";

/** An element with properties (`class`, `on…` handlers, attributes) and children. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A call of the control API; an error carries what the server said. */
export async function api(method, path, body) {
  const answer = await fetch(`/_simulator/${path}`, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
  });
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.error || `HTTP ${answer.status}`);
  return data;
}

export const number = (value) => value.toLocaleString("en");

/** Seconds as people say them: 45 s, 12 min, 1:59 h. */
export function duration(seconds) {
  if (seconds < 90) return say("units.s", Math.ceil(seconds));
  if (seconds < 3600) return say("units.min", Math.round(seconds / 60));
  const minutes = Math.floor(seconds / 60);
  return say("units.h", `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`);
}
