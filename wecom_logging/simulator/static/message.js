// One message as a phone shows it, with what the phone hides one click away.

import { api, h, number } from "./dom.js";
import { moment, say } from "./words.js";

const PLAIN = new Set(["b", "i", "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li",
  "table", "thead", "tbody", "tr", "code"]);
const COLOURS = new Set(["info", "comment", "warning"]);
const SAFE = /^https?:\/\//i;

/** The elements of a tree from `markup.py`; unknown tags show their text only. */
export function build(tree) {
  return tree.map((node) => {
    if (typeof node === "string") return document.createTextNode(node);
    const children = build(node.c || []);
    if (PLAIN.has(node.t)) return h(node.t, {}, children);
    return (SPECIAL[node.t] || ((_, inner) => h("span", {}, inner)))(node, children);
  });
}

const SPECIAL = {
  br: () => h("br"),
  hr: () => h("hr"),
  a: (node, inner) => link(node.href, inner),
  font: (node, inner) => COLOURS.has(node.colour)
    ? h("span", { class: `font-${node.colour}` }, inner)
    : coloured(node.colour, inner),
  quote: (_, inner) => h("blockquote", {}, inner),
  mention: (_, inner) => h("span", { class: "mention" }, "@", inner),
  pre: (_, inner) => h("pre", {}, h("code", {}, inner)),
  th: (node, inner) => h("th", { class: `align-${node.align || "left"}` }, inner),
  td: (node, inner) => h("td", { class: `align-${node.align || "left"}` }, inner),
  image: (node, inner) => link(node.href, [h("span", { class: "chip" }, "🖼 ", inner, " ",
    say("noPictures"))]),
  gray: (_, inner) => h("div", { class: "card-gray" }, inner),
  highlight: (_, inner) => h("div", { class: "card-highlight" }, inner),
  normal: (_, inner) => h("div", {}, inner),
};

function coloured(colour, inner) {
  const element = h("span", {}, inner);
  if (/^#[0-9a-f]{6}$/i.test(colour)) element.style.color = colour;
  return element;
}

/** A link that opens beside the page; what is no web address only looks like one. */
function link(href, inner, properties = {}) {
  if (!SAFE.test(href || "")) return h("span", { ...properties, title: href }, inner);
  return h("a", { ...properties, href, target: "_blank", rel: "noopener noreferrer", title: href },
    inner);
}

/** The whole message: who, bubble, and what WeCom did with it. */
export function showMessage(message) {
  const name = `message ${message.fate} from-${message.source}`;
  return h("article", { class: name, "data-id": message.id },
    avatar(message),
    h("div", { class: "body" }, who(message), bubble(message), fate(message), details(message)));
}

function avatar(message) {
  return h("div", { class: `avatar ${message.source}`, "aria-hidden": true },
    ["robot", "bot"].includes(message.source) ? "🤖" : [...message.sender][0] || "?");
}

function who(message) {
  const kind = say(message.source);
  const name = { robot: `${kind} …${message.destination}`, app: `${kind} ${message.destination}` }[
    message.source] || kind;
  const asked = Object.entries(message.recipients)
    .map(([field, ids]) => (["touser", "chat"].includes(field) ? ids : `${field.slice(2)} ${ids}`))
    .join(", ");
  const time = new Date(message.time * 1000);
  return h("div", { class: "who" },
    h("b", {}, message.sender), h("span", { class: "kind" }, name),
    asked ? h("span", { class: "asked" }, `${say("to")} ${asked.replaceAll("|", ", ")}`) : null,
    h("time", { datetime: time.toISOString(), title: moment(time) },
      time.toLocaleTimeString("en-GB")));
}

function bubble(message) {
  const show = CONTENT[message.msgtype] || plain;
  const mentions = message.mentions.map((name) =>
    h("span", { class: "mention" }, `@${name.replace(/^@/, "")} `));
  return h("div", { class: `bubble ${message.msgtype}` }, show(message),
    mentions.length ? h("p", {}, mentions) : null);
}

const plain = (message) => [h("p", {}, message.content)];

const CONTENT = {
  text: (message) => [...build(message.tree), cut(message)],
  markdown: (message) => [...build(message.tree), cut(message)],
  markdown_v2: (message) => build(message.tree),
  stream: (message) => build(message.tree),
  textcard: (message) => [
    h("h4", {}, message.shown.title), ...build(message.tree),
    link(message.shown.url, message.shown.btntxt, { class: "action" })],
  news: (message) => message.shown.articles.map((each) => link(each.url, [
    h("span", { class: "article" }, h("b", {}, each.title), h("small", {}, each.description)),
    h("span", { class: "thumb" }, "🖼")], { class: "row" })),
  mpnews: (message) => message.shown.articles.map((each) => h("div", { class: "row" },
    h("span", { class: "article" }, h("b", {}, each.title), h("small", {}, each.digest)),
    h("span", { class: "thumb" }, "🖼"))),
  template_card: (message) => templateCard(message.shown, message.source === "bot" && message.id),
  file: (message) => [fileRow(message)],
  video: (message) => [fileRow(message)],
  voice: (message) => [fileRow(message)],
  image: (message) => [h("img", { src: `/_simulator/pictures/${message.file.id}`,
    alt: message.file.name, loading: "lazy" })],
};

function cut(message) {
  if (!message.truncated) return null;
  return h("div", { class: "cut" }, `✂ ${say("cutHere", number(message.limit),
    number(message.bytes))}`);
}

function fileRow(message) {
  const size = message.file.bytes;
  const shown = size < 1024 ? `${size} B` : size < 1048576 ? `${(size / 1024).toFixed(1)} KB`
    : `${(size / 1048576).toFixed(1)} MB`;
  return h("a", { class: "row file", href: `/_simulator/files/${message.file.id}`, download: true },
    h("span", { class: "article" }, h("b", {}, message.file.name || say("file")), h("small", {}, shown)),
    h("span", { class: "thumb" }, (message.file.name.match(/\.(\w{1,4})$/) || [])[1] || "📄"));
}

/** What can be chosen and pressed on a bot's card; elsewhere it only looks so. */
function controls(card, id) {
  const asked = [card.button_selection, card.checkbox, ...(card.select_list || [])].filter(Boolean);
  const lists = asked.map((each) => h("select", { "aria-label": each.title || each.question_key,
    "data-question": each.question_key, multiple: each === card.checkbox && each.mode === 1 },
  (each.option_list || []).map((option) => h("option", { value: option.id,
    selected: option.id === each.selected_id || option.is_checked }, option.text))));
  const pressed = [...(card.button_list || []), card.submit_button].filter(Boolean);
  const buttons = pressed.map((each) => (id ? h("button", { type: "button", "data-key": each.key,
    class: `press style-${Number(each.style) || 1}`, onclick: () => press(id, each.key, lists) },
  each.text) : h("span", { class: "chip" }, each.text)));
  if (!lists.length && !buttons.length) return null;
  return h("div", { class: "controls" }, lists, h("div", { class: "buttons" }, buttons));
}

function press(id, key, lists) {
  const selected = Object.fromEntries(lists.map((each) => [each.dataset.question,
    [...each.selectedOptions].map((option) => option.value)]));
  const user = document.getElementById("chat-user").value;
  return api("POST", "press", { message: id, key, selected, user });
}

/** Where a card or a jump leads: a page, or a mini-program, which only a phone can open. */
function jump(target, words) {
  const place = placeOf(target);
  if (!place) return null;
  const inner = [h("span", {}, words), h("small", { class: "place" }, place)];
  if (isMiniProgram(target)) return h("span", { class: "action" }, inner);
  return link(target.url, inner, { class: "action" });
}

const isMiniProgram = (target) => target.type === 2 || Boolean(target.appid);

function placeOf(target) {
  if (!isMiniProgram(target)) return target.url;
  return [say("miniProgram"), target.appid, target.pagepath].filter(Boolean).join(" ");
}

function templateCard(card, id) {
  const source = card.source || {};
  const title = card.main_title || {};
  const big = card.emphasis_content || {};
  const quote = card.quote_area || {};
  const text = (tag, name, value) => (value ? h(tag, { class: name }, String(value)) : null);
  const rows = (card.horizontal_content_list || []).map((each) => h("div", { class: "pair" },
    h("span", {}, each.keyname), each.type === 1 ? link(each.url, each.value)
      : h("span", {}, each.value ?? "")));
  const parts = (card.vertical_content_list || []).map((each) => h("div", {},
    h("b", {}, each.title || ""), text("p", "card-gray", each.desc)));
  const jumps = (card.jump_list || []).map((each) => jump(each, each.title));
  return [
    source.desc ? h("p", { class: `source colour-${Number(source.desc_color) || 0}` }, source.desc)
      : null,
    text("h4", "clamped", title.title), text("p", "card-gray clamped", title.desc),
    big.title ? h("div", { class: "big" }, h("b", {}, big.title), text("small", "", big.desc)) : null,
    quote.title || quote.quote_text ? h("blockquote", {}, text("b", "", quote.title),
      text("p", "", quote.quote_text)) : null,
    text("p", "said", card.sub_title_text), ...rows, ...parts,
    controls(card, id), ...jumps, card.card_action ? jump(card.card_action, say("tap")) : null,
  ].filter(Boolean);
}

function fate(message) {
  const notes = [];
  if (message.dropped_for.length && message.fate === "dropped") notes.push(say("dropped"));
  else if (message.dropped_for.length) {
    notes.push(`${say("droppedFor")} ${message.dropped_for.join(", ")}`);
  }
  if (message.fate === "duplicate") notes.push(say("duplicate"));
  if (message.fate === "recalled") notes.push(say("recalled"));
  if (message.truncated && !["text", "markdown"].includes(message.msgtype)) {
    notes.push(say("cutField"));
  }
  const invalid = ["invaliduser", "invalidparty", "invalidtag", "unlicenseduser"]
    .map((name) => message.answer[name]).filter(Boolean).join(", ");
  if (invalid) notes.push(`${say("invalid")} ${invalid.replaceAll("|", ", ")}`);
  if (!notes.length) return null;
  const silent = message.dropped_for.length > 0;
  return h("p", { class: `fate ${silent ? "silent" : ""}`, title: silent && say("droppedHint") },
    notes.join(" · "));
}

function facts(message) {
  const size = message.limit
    ? `${number(message.bytes)} / ${number(message.limit)} ${say("bytes")}`
    : `${number(message.bytes)} ${say("bytes")}`;
  const share = message.limit ? Math.min(1, message.bytes / message.limit) : 0;
  const bar = h("meter", { min: 0, max: 1, high: 0.9, optimum: 0, value: share, title: size });
  return [h("span", { class: "chip" }, message.msgtype), message.limit ? bar : null,
    h("span", {}, size)];
}

function details(message) {
  const pretty = (value) => h("pre", {}, JSON.stringify(value, null, 2));
  if (message.source === "person") return null;
  const element = h("details", {}, h("summary", { class: "facts" }, facts(message),
    h("span", { class: "open" }, say("raw"))));
  // Built when it is opened: there may be a thousand messages on the page.
  element.addEventListener("toggle", () => {
    if (element.open && element.children.length === 1) {
      element.append(h("h5", {}, say("request")), pretty(message.request),
        h("h5", {}, say("answer")), pretty(message.answer));
    }
  });
  return element;
}
