// The page's words, in English and Chinese.

const WORDS = {
  title: ["WeCom simulator", "企业微信模拟器"], inbox: ["Inbox", "收件箱"],
  panel: ["Panel", "面板"], search: ["Search messages", "搜索消息"],
  sender: ["App or robot", "应用或机器人"], level: ["Level or state", "级别或状态"],
  language: ["Language", "语言"], theme: ["Light or dark", "浅色或深色"], clear: ["Clear", "清空"],
  live: ["live", "实时"], offline: ["not connected", "未连接"],
  everybody: ["All senders", "全部来源"], anyLevel: ["All levels", "全部级别"],
  empty: ["Nothing has arrived yet", "还没有消息"],
  emptyHint: ["Point an application at this address, and its alerts appear here as on a phone.",
    "把应用指向这个地址，告警就会像在手机上一样出现在这里。"],
  nothingFound: ["No message matches", "没有匹配的消息"],
  nothingFoundHint: ["Another search or filter may find it.", "换个关键词或筛选条件试试。"],
  asApp: ["As an application", "作为应用"], asRobot: ["As a group robot", "作为群机器人"],
  asBot: ["As a bot", "作为智能机器人"], copy: ["Copy", "复制"], copied: ["Copied", "已复制"],
  app: ["App", "应用"], robot: ["Robot", "机器人"], bot: ["Bot", "智能机器人"],
  person: ["wrote", "发言"], to: ["to", "发给"],
  chatUser: ["Who writes and presses", "谁在发言和点击"], chatWhere: ["Where", "会话"],
  chatPrivate: ["alone with the bot", "与机器人单聊"],
  chatText: ["Write to the bot, without its @name", "对机器人说，不用写 @名字"],
  chatSend: ["Send", "发送"], botThere: ["{0} is connected", "{0} 已连接"],
  botAway: ["{0} is not connected: it hears nothing", "{0} 未连接，收不到消息"],
  miniProgram: ["mini-program", "小程序"], raw: ["Raw", "原文"], request: ["Request", "请求"],
  answer: ["Answer", "响应"], more: ["Show older", "显示更早的"], bytes: ["bytes", "字节"],
  dropped: ["Dropped in silence", "已静默丢弃"],
  droppedFor: ["Dropped in silence for", "已静默丢弃："],
  droppedHint: ["WeCom said errcode 0. The real one does not show this to anybody.",
    "企业微信返回 errcode 0；真实环境里没有人看得到它被丢弃。"],
  duplicate: ["Duplicate, held back", "重复消息，已拦截"], recalled: ["Recalled", "已撤回"],
  invalid: ["not reached:", "未送达："],
  cutHere: ["WeCom cuts here: {0} of {1} bytes", "企业微信在此截断：{0} / {1} 字节"],
  cutField: ["Cut by WeCom", "已被企业微信截断"], tap: ["A tap opens", "点卡片打开"],
  noPictures: ["picture, not loaded", "图片，未加载"], faults: ["Faults", "故障"],
  faultCall: ["Call", "接口"], everyCall: ["every call", "全部接口"],
  faultTimes: ["How long", "持续"], once: ["once", "一次"], thrice: ["3 times", "三次"],
  minute: ["for 1 min", "1 分钟"], always: ["until switched off", "直到关闭"],
  processed: ["the message arrives all the same", "消息照样送达"], add: ["Switch on", "开启"],
  off: ["Switch off", "关闭"], allOff: ["All off", "全部关闭"],
  struck: ["struck {0}×", "已触发 {0} 次"], noFaults: ["Everything works.", "一切正常。"],
  budgets: ["Budgets", "配额"], perMinute: ["per min", "每分钟"], perHour: ["per hour", "每小时"],
  perDay: ["per day", "每天"], noBudgets: ["Nobody has got a message yet.", "还没有人收到消息。"],
  closed: ["closed for {0}", "封禁剩余 {0}"], tokens: ["Access tokens", "访问令牌"],
  noTokens: ["None has been asked for.", "还没有请求过令牌。"], left: ["{0} left", "剩余 {0}"],
  expired: ["expired", "已过期"], withdrawn: ["withdrawn", "已失效"],
  expireAll: ["Expire", "全部过期"], revokeAll: ["Revoke", "全部作废"], calls: ["Calls", "调用"],
  noCalls: ["None yet.", "还没有调用。"], noAnswer: ["no answer", "无响应"],
  recent: ["Last refusals", "最近的拒绝"], fates: ["Messages", "消息"],
  delivered: ["delivered", "送达"], fateDropped: ["dropped", "丢弃"],
  fateDuplicate: ["held back", "拦截"], fateRecalled: ["recalled", "撤回"],
  switches: ["Undocumented behaviour", "文档未说明的行为"],
  switchesHint: ["No public source settles these. The first choice is the safe one.",
    "公开资料没有定论；第一个选项最保守。"],
  clock: ["Clock", "时钟"],
  clockHint: ["Tokens expire and budgets refill by it.", "令牌过期和配额恢复都以它为准。"],
  ahead: ["{0} ahead", "快了 {0}"], docs: ["JSON API", "JSON 接口"],
  copyFailed: ["Select and copy by hand", "请手动选择复制"], file: ["file", "文件"],
  units: {
    s: ["{0} s", "{0} 秒"], min: ["{0} min", "{0} 分钟"], h: ["{0} h", "{0} 小时"],
    d: ["{0} d", "{0} 天"],
  },
  levels: {
    CRITICAL: ["CRITICAL", "严重"], ERROR: ["ERROR", "错误"], WARNING: ["WARNING", "警告"],
    NEW: ["NEW", "新出现"], AGAIN: ["AGAIN", "再次出现"], STILL: ["STILL", "仍在发生"],
    OVER: ["OVER", "已平息"],
  },
  kinds: {
    status: ["HTTP 502 page", "HTTP 502 页面"], empty: ["Empty body", "空响应"],
    garbage: ["Broken JSON", "JSON 损坏"], flood: ["Endless body", "超大响应"],
    redirect: ["Redirect", "重定向"], reset: ["Connection reset", "连接重置"],
    hang: ["Hangs", "无响应"], slow: ["Slow", "响应慢"], drip: ["Drips", "逐字节响应"],
    cut: ["Cut off", "响应中断"], errcode: ["errcode", "错误码"],
    dead_token: ["Token dies", "令牌提前失效"], drop: ["Silent drop", "静默丢弃"],
    outage: ["Outage", "宕机"], kick: ["Bot: kicked", "智能机器人：被踢下线"],
    unsubscribe: ["Bot: not subscribed (846609)", "智能机器人：未订阅（846609）"],
    deaf: ["Bot: groups not heard", "智能机器人：收不到群消息"],
    twice: ["Bot: frame twice", "智能机器人：帧重复"],
    half_open: ["Bot: half-open", "智能机器人：半开连接"],
    unknown: ["Bot: unknown cmd", "智能机器人：未知 cmd"],
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

let side = 0; // of each pair

/** What a switch is about, given the English text. */
export const about = (name, text) => (side && ABOUT_ZH[name]) || text;

/** Choose "en" or "zh". */
export function speak(language) {
  side = language === "zh" ? 1 : 0;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** A date and time as the chosen language writes it. */
export const moment = (date) => date.toLocaleString(document.documentElement.lang);

/** A word of the page; `{0}` and `{1}` are filled in. */
export function say(key, ...values) {
  const text = key.split(".").reduce((part, name) => part?.[name], WORDS)?.[side] ?? key;
  return text.replace(/\{(\d)\}/g, (_, place) => values[place]);
}
