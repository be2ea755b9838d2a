// The inbox page: a stream of messages and states, shown as they come.

import { api, h, number } from "./dom.js";
import { showMessage } from "./message.js";
import { createPanel } from "./panel.js";
import { say, speak } from "./words.js";

const LEVELS = ["CRITICAL", "ERROR", "WARNING", "NEW", "AGAIN", "STILL", "OVER"];
const PAGE = 100;
const get = (id) => document.getElementById(id);

let messages = []; // newest first
let shown = PAGE;
let state = null;
let unseen = 0;
let showPanel = null;
let live = false;

const store = {
  read: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  write: (name, value) => { try { localStorage.setItem(name, value); } catch { /* private */ } },
};

// What is shown.

function searched(message) {
  const words = get("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${message.content} ${message.sender} ${message.msgtype}`.toLowerCase();
  const level = get("level").value;
  const sender = get("sender").value;
  return words.every((word) => text.includes(word))
    && (!level || message.levels.includes(level))
    && (!sender || senderOf(message) === sender);
}

const senderOf = (message) =>
  `${message.source === "person" ? "bot" : message.source} ${message.destination}`;

function draw() {
  const found = messages.filter(searched);
  const visible = found.slice(0, shown);
  reconcile(get("messages"), visible);
  get("more").hidden = found.length <= shown;
  get("more").textContent = say("more");
  get("count").textContent = messages.length ? number(messages.length) : "";
  const [title, hint] = get("empty").children;
  get("empty").hidden = found.length > 0;
  title.textContent = say(messages.length ? "nothingFound" : "empty");
  hint.textContent = say(messages.length ? "nothingFoundHint" : "emptyHint");
  get("connect").hidden = messages.length > 0;
  document.title = (unseen && document.hidden ? `(${unseen}) ` : "") + say("title");
}

/** Keep the elements that stay, so that an opened request stays open. */
function reconcile(list, visible) {
  const kept = new Map([...list.children].map((each) => [each.dataset.id, each]));
  const wanted = visible.map((each) => kept.get(String(each.id)) || showMessage(each));
  const wantedSet = new Set(wanted);
  for (const element of kept.values()) if (!wantedSet.has(element)) element.remove();
  wanted.forEach((element, place) => {
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] || null);
  });
}

function drawState() {
  if (!state) return;
  showPanel(state);
  const faults = state.faults.active.length;
  get("alarm").textContent = faults || "";
  get("alarm").className = faults ? "bad" : "";
  const senders = [
    ...state.apps.map((app) => [`app ${app.agentid}`, `${app.name} (${app.agentid})`]),
    ...state.robots.map((robot) => [`robot ${robot.key_ends_in}`, `${robot.name} (🤖)`]),
    ...state.chats.map((chat) => [`bot ${chat.id}`, `${chat.name} (💬)`]),
  ];
  options(get("sender"), [["", say("everybody")], ...senders]);
  drawChat();
}

function drawChat() {
  const [bot] = state.bots;
  options(get("chat-user"), state.users.map((user) => [user, user]));
  options(get("chat-where"), [...state.chats.map((chat) => [chat.id, chat.name]),
    ["private", say("chatPrivate")]]);
  get("chat-bot").textContent = say(bot.connected ? "botThere" : "botAway", bot.name);
  get("chat-bot").className = bot.connected ? "good" : "";
}

async function speakToTheBot(event) {
  event.preventDefault();
  const text = get("chat-text").value.trim();
  if (!text) return;
  get("chat-text").value = "";
  const where = get("chat-where").value;
  await api("POST", "say", { text, user: get("chat-user").value,
    chat: where === "private" ? "" : where });
}

function options(select, pairs) {
  const chosen = select.value;
  const text = JSON.stringify(pairs);
  if (select.dataset.pairs === text) return;
  select.dataset.pairs = text;
  select.replaceChildren(...pairs.map(([value, label]) =>
    h("option", { value, selected: value === chosen }, label)));
}

async function drawConnect() {
  const blocks = await Promise.all([["app", "asApp"], ["robot", "asRobot"], ["bot", "asBot"]].map(
    async ([kind, word]) => {
      const env = await api("GET", `env/${kind}`);
      const text = Object.entries(env).map(([key, value]) => `export ${key}=${value}`).join("\n");
      const button = h("button", {}, say("copy"));
      button.addEventListener("click", () => navigator.clipboard.writeText(text)
        .then(() => { button.textContent = say("copied"); })
        .catch(() => { button.textContent = say("copyFailed"); }));
      return [h("h3", {}, say(word), button), h("pre", {}, text)];
    }));
  get("connect").replaceChildren(...blocks.flat());
}

/** Everything that depends on the language. */
function drawAll() {
  for (const each of document.querySelectorAll("[data-word]")) {
    each.textContent = say(each.dataset.word);
  }
  for (const each of document.querySelectorAll("[data-placeholder]")) {
    each.placeholder = say(each.dataset.placeholder);
    each.setAttribute("aria-label", say(each.dataset.placeholder));
  }
  for (const each of document.querySelectorAll("[data-label]")) {
    each.setAttribute("aria-label", say(each.dataset.label));
    each.title = say(each.dataset.label);
  }
  get("place").textContent = location.host;
  options(get("level"), [["", say("anyLevel")], ...LEVELS.map((each) => [each, say(`levels.${each}`)])]);
  get("messages").replaceChildren();
  drawLive();
  showPanel = createPanel(get("panel"));
  drawState();
  draw();
  drawConnect().catch(() => {});
}

// What the person does.

function setLanguage(language) {
  store.write("language", language);
  speak(language);
  get("language").textContent = language === "zh" ? "EN" : "中";
  drawAll();
}

function setTheme(theme) {
  store.write("theme", theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  get("theme").textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
}

function start() {
  let theme = store.read("theme") || "auto";
  setTheme(theme);
  get("theme").addEventListener("click", () => {
    theme = { auto: "dark", dark: "light", light: "auto" }[theme];
    setTheme(theme);
  });
  const language = store.read("language") || (navigator.language.startsWith("zh") ? "zh" : "en");
  get("language").addEventListener("click", () =>
    setLanguage(document.documentElement.lang === "en" ? "zh" : "en"));
  get("clear").addEventListener("click", () => api("DELETE", "messages"));
  get("more").addEventListener("click", () => { shown += PAGE; draw(); });
  get("search").addEventListener("input", draw);
  get("chat").addEventListener("submit", speakToTheBot);
  for (const id of ["sender", "level"]) get(id).addEventListener("change", draw);
  for (const button of document.querySelectorAll(".tabs button")) {
    button.addEventListener("click", () => { document.body.dataset.tab = button.dataset.tab; });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) { unseen = 0; draw(); }
  });
  setLanguage(language);
  listen();
}

// What the server tells.

function drawLive() {
  get("live").className = live ? "live on" : "live";
  get("live").textContent = say(live ? "live" : "offline");
}

function listen() {
  const source = new EventSource("/_simulator/events");
  source.onopen = () => { live = true; drawLive(); };
  source.onerror = () => { live = false; drawLive(); };
  source.addEventListener("reset", () => { messages = []; shown = PAGE; draw(); });
  source.addEventListener("messages", (event) => {
    const fresh = JSON.parse(event.data).reverse();
    const last = messages.length ? messages[0].id : 0;
    messages = [...fresh.filter((each) => each.id > last), ...messages].slice(0, 1000);
    if (document.hidden) unseen += fresh.length;
    draw();
  });
  source.addEventListener("state", (event) => { state = JSON.parse(event.data); drawState(); });
}

start();
