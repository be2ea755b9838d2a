// The panel: faults, budgets, tokens, calls, switches and the clock.

import { api, duration, h, number } from "./dom.js";
import { about, moment, say } from "./words.js";

const CALLS = ["*", "gettoken", "message/send", "media/upload", "agent/get", "webhook/send",
  "webhook/upload_media", "aibot_subscribe", "ping", "aibot_msg_callback", "aibot_event_callback",
  "aibot_respond_msg", "aibot_respond_update_msg", "aibot_send_msg"];
const TIMES = {
  once: { times: 1 }, thrice: { times: 3 }, minute: { seconds: 60 }, always: {},
};
//: Only an answer that is late or lost can follow a message that arrived.
const MAY_ARRIVE = new Set(["status", "empty", "garbage", "reset", "hang", "cut", "errcode",
  "outage", "redirect", "flood"]);
const ERRCODES = [-1, 40001, 40014, 40056, 40058, 42001, 45002, 45009, 45033, 60020, 81013, 82004,
  93000, 93004];

const SECTIONS = {
  faults: activeFaults, fates: showFates, budgets: showBudgets, tokens: showTokens,
  calls: showCalls, clock: showClock, switches: showSwitches,
};

/** Make the panel's sections; returns what shows a new state in them. */
export function createPanel(panel) {
  const parts = {};
  panel.replaceChildren(...Object.keys(SECTIONS).map((name) => {
    parts[name] = h("div", name === "faults" ? { id: "active" } : { class: "content" });
    const content = name === "faults" ? h("div", { class: "content" }, faultForm(), parts.faults)
      : parts[name];
    return h("details", { class: "section", id: `section-${name}`, open: name !== "switches" },
      h("summary", {}, say(name)), content);
  }), h("p", { class: "links" }, h("a", { href: "/_simulator/docs" }, say("docs"))));
  const shown = {};
  return (state) => {
    const data = { ...state, fates: state.counts, faults: state.faults.active };
    for (const name of Object.keys(SECTIONS)) show(shown, name, parts[name], data[name]);
  };
}

/** Draw a part anew, unless it would look the same or somebody is about to use it. */
function show(shown, name, element, data) {
  const text = JSON.stringify(data);
  if (shown[name] === text || element.contains(document.activeElement)
    && document.activeElement.tagName === "SELECT") return;
  shown[name] = text;
  element.replaceChildren(...[SECTIONS[name](data)].flat());
}

function choice(values, label, chosen) {
  return h("select", { "aria-label": label },
    values.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

function faultForm() {
  const kinds = ["outage", "status", "reset", "hang", "slow", "cut", "garbage", "empty", "drip",
    "redirect", "flood", "errcode", "dead_token", "drop", "kick", "unsubscribe", "deaf", "twice",
    "half_open", "unknown"];
  const kind = choice(kinds.map((each) => [each, say(`kinds.${each}`)]), say("faults"));
  const call = choice(CALLS.map((each) => [each, each === "*" ? say("everyCall") : each]),
    say("faultCall"));
  const times = choice(Object.keys(TIMES).map((each) => [each, say(each)]), say("faultTimes"),
    "always");
  const errcode = choice(ERRCODES.map((each) => [String(each), String(each)]), "errcode", "45009");
  const arrives = h("input", { type: "checkbox" });
  const arrivesLine = h("label", { class: "check" }, arrives, say("processed"));
  const problem = h("p", { class: "problem", role: "alert" });
  const adapt = () => {
    errcode.hidden = kind.value !== "errcode";
    arrivesLine.hidden = !MAY_ARRIVE.has(kind.value);
  };
  const add = async () => {
    const fault = { kind: kind.value, call: call.value, ...TIMES[times.value] };
    if (kind.value === "errcode") fault.errcode = Number(errcode.value);
    if (kind.value === "hang") fault.delay = 30;
    if (kind.value === "slow") fault.delay = 5;
    if (MAY_ARRIVE.has(kind.value)) fault.processed = arrives.checked;
    problem.textContent = "";
    try {
      await api("POST", "faults", fault);
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  kind.id = "fault-kind";
  call.id = "fault-call";
  times.id = "fault-times";
  kind.addEventListener("change", adapt);
  adapt();
  return h("div", { class: "form" }, kind, call, errcode, times,
    h("button", { class: "primary", id: "fault-add", onclick: add }, say("add")), arrivesLine,
    problem);
}

function activeFaults(faults) {
  if (!faults.length) return [h("p", { class: "quiet good" }, say("noFaults"))];
  const rows = faults.map((fault) => {
    const what = fault.kind === "errcode" ? `errcode ${fault.errcode}` : say(`kinds.${fault.kind}`);
    const where = fault.call === "*" ? say("everyCall") : fault.call;
    return h("div", { class: "active-fault" },
      h("span", {}, h("b", {}, what), ` ${where}`,
        h("small", {}, say("struck", fault.struck), fault.times ? ` / ${fault.times}` : "",
          fault.processed && MAY_ARRIVE.has(fault.kind) ? ` · ${say("processed")}` : "")),
      h("button", { class: "square", title: say("off"), "aria-label": say("off"),
        onclick: () => api("DELETE", `faults/${fault.id}`) }, "✕"));
  });
  const all = h("button", { onclick: () => api("DELETE", "faults") }, say("allOff"));
  return faults.length > 1 ? [...rows, all] : rows;
}

function showFates(counts) {
  const names = { delivered: "delivered", dropped: "fateDropped", duplicate: "fateDuplicate",
    recalled: "fateRecalled" };
  return h("div", { class: "tiles" }, Object.entries(names).map(([fate, word]) =>
    h("div", { class: `tile ${counts[fate] ? fate : "zero"}` },
      h("b", {}, number(counts[fate])), h("small", {}, say(word)))));
}

function showBudgets(budgets) {
  const rows = budgets.filter((each) => each.minute || each.day);
  if (!rows.length) return [h("p", { class: "quiet" }, say("noBudgets"))];
  return rows.map((row) => h("div", { class: "budget" },
    h("span", { class: "name" }, row.member || `${say(row.source)} ${row.destination}`,
      row.closed_for ? h("small", { class: "bad" }, say("closed", duration(row.closed_for))) : null),
    ...["minute", "hour", "day"].filter((span) => row[span]).map((span) => bar(row[span], span))));
}

function bar({ used, limit }, span) {
  const word = { minute: "perMinute", hour: "perHour", day: "perDay" }[span];
  return h("span", { class: "bar" },
    h("meter", { min: 0, max: limit, high: limit * 0.9, optimum: 0, value: used }),
    h("small", {}, `${number(used)} / ${number(limit)} ${say(word)}`));
}

function showTokens(tokens) {
  if (!tokens.length) return [h("p", { class: "quiet" }, say("noTokens"))];
  const rows = tokens.slice(0, 5).map((token) => h("div", { class: "line" },
    h("code", {}, `…${token.ends_in}`), h("span", {}, `${say("app")} ${token.agentid}`),
    token.errcode
      ? h("small", { class: "bad" }, `${say(token.errcode === 42001 ? "expired" : "withdrawn")} `
        + token.errcode)
      : h("small", {}, say("left", duration(token.left)))));
  const act = (word, errcode) => h("button", {
    onclick: () => api("DELETE", `tokens?errcode=${errcode}`) }, say(word));
  return [...rows, h("div", { class: "buttons" }, act("expireAll", 42001), act("revokeAll", 40014))];
}

function showCalls(calls) {
  const names = Object.keys(calls.by_errcode);
  if (!names.length) return [h("p", { class: "quiet" }, say("noCalls"))];
  const rows = names.map((name) => h("div", { class: "line" },
    h("code", {}, name), h("span", { class: "codes" },
      Object.entries(calls.by_errcode[name]).map(([code, times]) =>
        h("span", { class: `chip ${code === "0" ? "good" : "bad"}` },
          `${code === "no answer" ? say("noAnswer") : code} ×${number(times)}`)))));
  const refused = calls.recent.filter((call) => call.told).slice(-3).reverse();
  if (refused.length) rows.push(h("h5", {}, say("recent")));
  return [...rows, ...refused.map((call) => h("p", { class: "quiet refusal" },
    h("b", {}, call.told), ` ${call.errmsg.split(", hint:")[0]}`))];
}

function showClock(clock) {
  const steps = [["min", 60], ["h", 3600], ["d", 86400]];
  return [
    h("p", { class: "quiet" }, moment(new Date(clock.now * 1000)),
      clock.moved ? ` · ${say("ahead", duration(clock.moved))}` : "", h("br"), say("clockHint")),
    h("div", { class: "buttons" }, steps.map(([unit, advance]) =>
      h("button", { onclick: () => api("POST", "clock", { advance }) },
        `+${say(`units.${unit}`, 1)}`))),
  ];
}

function showSwitches(switches) {
  return [h("p", { class: "quiet" }, say("switchesHint")),
    ...Object.entries(switches).map(([name, each]) => {
      const select = choice(each.choices.map((value) => [JSON.stringify(value), String(value)]),
        name, JSON.stringify(each.value));
      select.addEventListener("change", () => {
        api("PATCH", "switches", { [name]: JSON.parse(select.value) });
        select.blur();
      });
      const changed = each.value !== each.choices[0];
      return h("label", { class: `switch ${changed ? "changed" : ""}` },
        h("span", {}, h("code", {}, name), h("small", {}, about(name, each.about))), select);
    })];
}
