// A bot with WeCom's library for node: subscribes, answers what is written to it, pushes a
// card, changes it when it is pressed, and ends. Each step is a line on stdout.

const { WSClient } = require("@wecom/aibot-node-sdk");

const env = process.env;
const quiet = { debug() {}, info() {}, warn() {}, error: (...words) => console.error(...words) };
const client = new WSClient({
  botId: env.WECOM_BOT_ID, secret: env.WECOM_BOT_SECRET, wsUrl: env.WECOM_BOT_URL, logger: quiet,
});

const card = (more) => ({
  main_title: { title: "A new error" }, task_id: "task-of-node",
  card_action: { type: 1, url: "https://example.com/" }, ...more,
});
const buttons = { card_type: "button_interaction", button_list: [{ text: "Take", key: "take" }] };

client.on("authenticated", () => console.log("subscribed"));
client.on("message.text", async (frame) => {
  await client.replyStream(frame, "stream-of-node", `heard ${frame.body.text.content}`, true);
  console.log("answered");
  await client.sendMessage(env.WECOM_BOT_CHATID, { msgtype: "template_card", template_card: card(buttons) });
  console.log("pushed");
});
client.on("event.template_card_event", async (frame) => {
  const fact = { card_type: "text_notice", sub_title_text: "taken" };
  await client.updateTemplateCard(frame, card(fact));
  console.log("updated");
  client.disconnect();
  process.exit(0);
});
client.connect();
