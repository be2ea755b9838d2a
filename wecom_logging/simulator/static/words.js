// The page's words, in English and Chinese.

const EN = {
  title: "WeCom simulator", inbox: "Inbox", panel: "Panel", search: "Search messages",
  sender: "App or robot", level: "Level or state", language: "Language", theme: "Light or dark",
  clear: "Clear", live: "live", offline: "not connected", everybody: "All senders",
  anyLevel: "All levels", empty: "Nothing has arrived yet",
  emptyHint: "Point an application at this address, and its alerts appear here as on a phone.",
  nothingFound: "No message matches", nothingFoundHint: "Another search or filter may find it.",
  asApp: "As an application", asRobot: "As a group robot", asBot: "As a bot", copy: "Copy", copied: "Copied",
  app: "App", robot: "Robot", bot: "Bot", person: "wrote", to: "to",
  chatUser: "Who writes and presses", chatWhere: "Where", chatPrivate: "alone with the bot",
  chatText: "Write to the bot, without its @name", chatSend: "Send", botThere: "{0} is connected",
  botAway: "{0} is not connected: it hears nothing", miniProgram: "mini-program", raw: "Raw", request: "Request",
  answer: "Answer", more: "Show older", bytes: "bytes", dropped: "Dropped in silence",
  droppedFor: "Dropped in silence for",
  droppedHint: "WeCom said errcode 0. The real one does not show this to anybody.",
  duplicate: "Duplicate, held back", recalled: "Recalled", invalid: "not reached:",
  cutHere: "WeCom cuts here: {0} of {1} bytes", cutField: "Cut by WeCom",
  tap: "A tap opens", noPictures: "picture, not loaded",
  faults: "Faults", faultCall: "Call", everyCall: "every call", faultTimes: "How long",
  once: "once", thrice: "3 times", minute: "for 1 min", always: "until switched off",
  processed: "the message arrives all the same", add: "Switch on", off: "Switch off",
  allOff: "All off", struck: "struck {0}×", noFaults: "Everything works.",
  budgets: "Budgets", perMinute: "per min", perHour: "per hour", perDay: "per day",
  noBudgets: "Nobody has got a message yet.", closed: "closed for {0}",
  tokens: "Access tokens", noTokens: "None has been asked for.", left: "{0} left",
  expired: "expired", withdrawn: "withdrawn", expireAll: "Expire", revokeAll: "Revoke",
  calls: "Calls", noCalls: "None yet.", noAnswer: "no answer", recent: "Last refusals",
  fates: "Messages", delivered: "delivered", fateDropped: "dropped", fateDuplicate: "held back",
  fateRecalled: "recalled", switches: "Undocumented behaviour",
  switchesHint: "No public source settles these. The first choice is the safe one.",
  clock: "Clock", clockHint: "Tokens expire and budgets refill by it.", ahead: "{0} ahead",
  docs: "JSON API", copyFailed: "Select and copy by hand",
  units: { s: "{0} s", min: "{0} min", h: "{0} h", d: "{0} d" }, file: "file",
  levels: {
    CRITICAL: "CRITICAL", ERROR: "ERROR", WARNING: "WARNING", NEW: "NEW", AGAIN: "AGAIN",
    STILL: "STILL", OVER: "OVER",
  },
  kinds: {
    status: "HTTP 502 page", empty: "Empty body", garbage: "Broken JSON", flood: "Endless body",
    redirect: "Redirect", reset: "Connection reset", hang: "Hangs", slow: "Slow", drip: "Drips",
    cut: "Cut off", errcode: "errcode", dead_token: "Token dies", drop: "Silent drop",
    outage: "Outage", kick: "Bot: kicked", unsubscribe: "Bot: not subscribed (846609)",
    deaf: "Bot: groups not heard", twice: "Bot: frame twice", half_open: "Bot: half-open",
    unknown: "Bot: unknown cmd",
  },
};

const ZH = {
  title: "企业微信模拟器", inbox: "收件箱", panel: "面板", search: "搜索消息",
  sender: "应用或机器人", level: "级别或状态", language: "语言", theme: "浅色或深色",
  clear: "清空", live: "实时", offline: "未连接", everybody: "全部来源",
  anyLevel: "全部级别", empty: "还没有消息",
  emptyHint: "把应用指向这个地址，告警就会像在手机上一样出现在这里。",
  nothingFound: "没有匹配的消息", nothingFoundHint: "换个关键词或筛选条件试试。",
  asApp: "作为应用", asRobot: "作为群机器人", asBot: "作为智能机器人", copy: "复制", copied: "已复制",
  app: "应用", robot: "机器人", bot: "智能机器人", person: "发言", to: "发给",
  chatUser: "谁在发言和点击", chatWhere: "会话", chatPrivate: "与机器人单聊",
  chatText: "对机器人说，不用写 @名字", chatSend: "发送", botThere: "{0} 已连接",
  botAway: "{0} 未连接，收不到消息", miniProgram: "小程序", raw: "原文", request: "请求",
  answer: "响应", more: "显示更早的", bytes: "字节", dropped: "已静默丢弃", droppedFor: "已静默丢弃：",
  droppedHint: "企业微信返回 errcode 0；真实环境里没有人看得到它被丢弃。",
  duplicate: "重复消息，已拦截", recalled: "已撤回", invalid: "未送达：",
  cutHere: "企业微信在此截断：{0} / {1} 字节", cutField: "已被企业微信截断",
  tap: "点卡片打开", noPictures: "图片，未加载",
  faults: "故障", faultCall: "接口", everyCall: "全部接口", faultTimes: "持续",
  once: "一次", thrice: "三次", minute: "1 分钟", always: "直到关闭",
  processed: "消息照样送达", add: "开启", off: "关闭",
  allOff: "全部关闭", struck: "已触发 {0} 次", noFaults: "一切正常。",
  budgets: "配额", perMinute: "每分钟", perHour: "每小时", perDay: "每天",
  noBudgets: "还没有人收到消息。", closed: "封禁剩余 {0}",
  tokens: "访问令牌", noTokens: "还没有请求过令牌。", left: "剩余 {0}",
  expired: "已过期", withdrawn: "已失效", expireAll: "全部过期", revokeAll: "全部作废",
  calls: "调用", noCalls: "还没有调用。", noAnswer: "无响应", recent: "最近的拒绝",
  fates: "消息", delivered: "送达", fateDropped: "丢弃", fateDuplicate: "拦截",
  fateRecalled: "撤回", switches: "文档未说明的行为",
  switchesHint: "公开资料没有定论；第一个选项最保守。",
  clock: "时钟", clockHint: "令牌过期和配额恢复都以它为准。", ahead: "快了 {0}",
  docs: "JSON 接口", copyFailed: "请手动选择复制",
  units: { s: "{0} 秒", min: "{0} 分钟", h: "{0} 小时", d: "{0} 天" }, file: "文件",
  levels: {
    CRITICAL: "严重", ERROR: "错误", WARNING: "警告", NEW: "新出现", AGAIN: "再次出现",
    STILL: "仍在发生", OVER: "已平息",
  },
  kinds: {
    status: "HTTP 502 页面", empty: "空响应", garbage: "JSON 损坏", flood: "超大响应",
    redirect: "重定向", reset: "连接重置", hang: "无响应", slow: "响应慢", drip: "逐字节响应",
    cut: "响应中断", errcode: "错误码", dead_token: "令牌提前失效", drop: "静默丢弃",
    outage: "宕机", kick: "智能机器人：被踢下线", unsubscribe: "智能机器人：未订阅（846609）",
    deaf: "智能机器人：收不到群消息", twice: "智能机器人：帧重复", half_open: "智能机器人：半开连接",
    unknown: "智能机器人：未知 cmd",
  },
};

// What the switches are about; the English texts come from the server.
const ABOUT_ZH = {
  over_long_markdown: "应用 markdown 超过 2048 字节时。",
  over_long_text: "应用文本超过 2048 字节时。",
  truncation: "过长文本在哪里截断；按字节截断时可能截断半个字符。",
  textcard_unit: "文本卡片标题 128、描述 512 的单位。",
  robot_text_limit: "机器人文本消息的字节上限。",
  robot_window: "机器人每分钟 20 条的统计窗口：滑动或固定。",
  member_limit: "单个成员超过每分钟 30 条或每小时 1000 条时。",
  daily_limit_errcode: "应用超过每天的人次上限时返回的错误码。",
  duplicate_errcode: "重复消息被拦截时返回的错误码。",
  illegal_characters: "控制字符和孤立代理项：返回 40033，或放行。",
  touser_array: "接收人写成 JSON 数组时。",
  agentid_warning: "agentid 写成字符串时是否带 JSON 警告。",
  empty_invalid_fields: "invaliduser 等字段为空时是否返回。",
  same_token: "令牌有效期内再次获取，是否返回同一个。",
  old_token_survives: "签发新令牌后，旧令牌是否仍然有效。",
  expires_in: "gettoken 返回的有效期；私有部署可能没有这个字段。",
  gettoken_checks_ip: "gettoken 是否也拒绝不可信 IP（60020）。",
  disabled_app_errcode: "应用停用时 gettoken 返回的错误码。",
  image_limit_mb: "图片大小上限（MiB）。",
  bot_update_card_action: "智能机器人更新卡片没有 card_action 时：42045，或接受。",
  italic: "页面是否显示 markdown 的 *斜体*。",
  hex_colours: "页面是否支持 <font color=\"#ff0000\">。",
  escapes: "页面是否支持反斜杠转义。",
};

let words = EN;

/** What a switch is about, given the English text. */
export const about = (name, text) => (words === ZH && ABOUT_ZH[name]) || text;

/** Choose "en" or "zh". */
export function speak(language) {
  words = language === "zh" ? ZH : EN;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** A date and time as the chosen language writes it. */
export const moment = (date) => date.toLocaleString(document.documentElement.lang);

/** A word of the page; `{0}` and `{1}` are filled in. */
export function say(key, ...values) {
  const text = key.split(".").reduce((part, name) => part?.[name], words) ?? key;
  return text.replace(/\{(\d)\}/g, (_, place) => values[place]);
}
