"""For the page of options: their order, an example of each, and what they mean in Chinese.

The English text is that of the table in the code.
"""

from __future__ import annotations

#: Options in the order of the page, with the title of the section in both languages.
SECTIONS = (
    (
        ("webhook_key", "corpid", "corpsecret", "agentid", "touser", "toparty", "totag", "sender",
         "enabled", "api_base", "timeout", "proxies", "fallback", "fallback_after"),
        ("Where to", "发到哪里"),
    ),
    (("level", "app", "environment", "release", "language", "host", "timezone"),
     ("What is shown", "显示什么")),
    (("msgtype", "links", "link", "show_source", "show_locals", "breadcrumbs", "breadcrumb_level", "attach",
      "mention", "mention_level"), ("The message", "消息")),
    (("group_wait", "group_interval", "repeat_intervals", "quiet_after", "forget_after", "quiet_hours",
      "recovery",
      "rate_limit", "close_timeout"), ("When", "什么时候")),
    (("store", "max_groups", "fingerprint", "processors", "redact", "uncaught"),
     ("Grouping, redaction, state", "分组、脱敏、状态")),
)  # fmt: skip

#: As they stand in a `LOGGING` dictionary. Objects are named by `ext://`.
EXAMPLES = {
    "level": '"WARNING"',
    "webhook_key": '"693a91f6-7a2c-4bc4-97a0-0ec2sifa5aaa"',
    "corpid": '"ww51a1a70f51a1a70f"',
    "corpsecret": '"an-example-of-a-secret-43-characters-long-0"',
    "agentid": "1000002",
    "touser": '["zhangsan", "lisi"]',
    "toparty": "[2, 3]",
    "totag": "[7]",
    "sender": '"ext://shop.alerts.SENDER"',
    "enabled": "True",
    "api_base": '"https://wecom.example.com"',
    "timeout": "[2, 5]",
    "proxies": '{"https": "http://proxy.example.com:3128"}',
    "fallback": '{"webhook_key": "0e3a8f0c-5b11-4f0e-9d55-7c3b0c3a1aaa"}',
    "fallback_after": "120",
    "app": '"payments"',
    "environment": '"prod"',
    "release": '"2.3.1"',
    "language": '"zh"',
    "host": '"web-3"',
    "timezone": '"Asia/Shanghai"',
    "msgtype": '"text"',
    "links": '{"logs": "https://logs.example.com/?q={request_id}&from={from}&to={to}",'
    ' "order": {"appid": "wx0123456789abcdef", "pagepath": "pages/trace?id={trace_id}"}}',
    "link": '"https://logs.example.com/?q={request_id}&from={from}&to={to}"',
    "show_source": "False",
    "show_locals": "True",
    "breadcrumbs": "20",
    "breadcrumb_level": '"DEBUG"',
    "attach": "False",
    "mention": '{"pay/": "zhangsan", "orders.*": ["lisi", "13800138000"], "*": "@all"}',
    "mention_level": '"ERROR"',
    "group_wait": "5",
    "group_interval": "60",
    "repeat_intervals": "[300, 3600]",
    "quiet_after": "1800",
    "forget_after": "259200",
    "quiet_hours": '"Mon-Fri 22:00-08:00"',
    "recovery": '"fold"',
    "rate_limit": "[[10, 60], [100, 3600]]",
    "close_timeout": "2",
    "store": '"redis://redis.example.com:6379/3"',
    "max_groups": "200",
    "fingerprint": '"ext://shop.alerts.fingerprint"',
    "processors": '["ext://shop.alerts.drop_hang_ups"]',
    "redact": '{"names": ["badge_no"], "keep": ["session_id"]}',
    "uncaught": "True",
}

CHINESE = {
    "level": "最低告警级别，默认 ERROR。",
    "webhook_key": "群机器人的 key 或完整地址。",
    "corpid": "自建应用的企业ID，和 `corpsecret`、`agentid`、接收人一起使用。",
    "corpsecret": "应用的 Secret。",
    "agentid": "应用的 AgentId，整数或数字字符串。",
    "touser": '成员账号，`"a|b"` 或列表，最多 1000 个；`"@all"` 为可见范围内所有人。',
    "toparty": '部门 id，写作 "2|3" 或列表，最多 100 个。',
    "totag": '标签 id，写作 "2|3" 或列表，最多 100 个。',
    "sender": "任何实现了 `Sender` 协议的对象，代替发送目标。",
    "enabled": "`True`：没有发送目标就报错（用于生产环境）；`False`：关闭且不提示。默认：没有目标时关闭，"
    "并提示一次。",
    "api_base": "私有部署、网关或模拟器的协议、主机、端口和路径前缀。默认企业微信。",
    "timeout": "连接和读取的超时，默认 (3, 8)。",
    "proxies": "格式同 requests，默认取自环境。",
    "fallback": "备用通道：发送目标因配置错误拒收，或 `fallback_after` 秒内什么都没有收下时，改发到这里。"
    "可以是另一个发送目标的选项（映射），也可以是 `logging.Handler`：对象，或在 dictConfig 里按名称写"
    " `cfg://handlers.mail_admins`。",
    "fallback_after": "发送目标多久什么都没有收下才改用备用通道，默认 300。",
    "app": "程序名，显示在首行。默认：`OTEL_SERVICE_NAME`、`DJANGO_SETTINGS_MODULE` 的包名、程序名或目录名。",
    "environment": "例如 prod，显示在首行。",
    "release": "程序版本，每条消息都显示。默认：`SENTRY_RELEASE`、`GIT_SHA`、`OTEL_RESOURCE_ATTRIBUTES`"
    " 里的 `service.version`。",
    "language": '标签的语言：`"en"`（默认）或 `"zh"`。',
    "host": "消息里的主机名。",
    "timezone": "消息里时间的时区名，默认本地时区。",
    "msgtype": '`"markdown"`（默认）；在微信里看消息的人用 `"text"`；机器人还可以用 `"markdown_v2"`。'
    ' `"card"`：模板卡片，次数用大字显示；需要 `links`，点卡片打开第一个，下面最多再列三个；完整报告随后作为文件发送。',
    "links": "每类错误链接到哪里：名称到链接模板的映射，或一个链接；字段有 `{id}` `{logger}` `{type}` `{request_id}`"
    " `{trace_id}` `{from}` `{to}`，最后两个是毫秒时间戳。字段没有值的链接不显示。小程序写成"
    ' `{"appid": …, "pagepath": …}`，只在卡片里显示。`extra={"runbook": "https://…"}` 再加一个。',
    "link": "已弃用，0.3 起移除：请改用 `links`。",
    "show_source": "显示源代码行，默认是。",
    "show_locals": "显示自己代码里的局部变量（脱敏后），默认否。",
    "breadcrumbs": "附上同一请求、任务或线程此前的多少条日志，默认 0。logger 本身要放行这些级别。",
    "breadcrumb_level": "其中最低的级别，默认 INFO。",
    "attach": "新错误或 CRITICAL 放不下、或有类别没列出时，把完整报告作为文件发送；每小时最多 6 个。默认是。",
    "mention": '仅机器人：出现新错误时 @ 的用户 id、手机号或 `"@all"`；持续 15 分钟且无人认领时再 @ 一次。'
    '写成映射则 @ 负责人：`{"pay/": "zhangsan", "orders.*": ["lisi"], "*": "@all"}`，按消息里显示的位置或'
    " logger 匹配，取最长的；再次 @ 时为其中所有人。",
    "mention_level": "达到什么级别才 @，默认 CRITICAL；`mention` 为映射时默认 ERROR。",
    "group_wait": "第一条消息发出前，等待其他错误一起发的时间，默认 1。CRITICAL 不等。",
    "group_interval": "两条有新情况的消息之间的最短间隔，默认 15。CRITICAL 不受限。",
    "repeat_intervals": "持续发生时各条消息的间隔，默认 (60, 300, 900, 3600)。",
    "quiet_after": "多久不出错算平息，默认 600。",
    "forget_after": "多久不出错就忘掉，默认 90000。",
    "quiet_hours": "免打扰时段：期间只通知不能等的，即 CRITICAL 和五分钟内达到 100 次的新错误。"
    '`"22:00-08:00"`、`"Mon-Fri 22:00-08:00"`、`"Sat,Sun"`，或由它们组成的列表（环境变量里用 `;` 分隔），'
    "按 `timezone`；结束时一条汇总。",
    "recovery": '如何通知已平息。`"auto"`（默认）：CRITICAL 或至少通知过两次的单独发一条，其余并入下一条消息；'
    '`"always"`：总是单独一条；`"fold"`：总是并入下一条；`"off"`：不通知。',
    "rate_limit": "滑动窗口内的发送次数，(次数, 秒)，默认 ((18, 60), (900, 3600))。企业微信每分钟收机器人 20 条，"
    "应用对每个成员每分钟 30 条、每小时 1000 条，超出的直接丢弃，不报错。",
    "close_timeout": "`flush`、`close` 和退出时最多花多久送达，默认 5。",
    "store": '分组、次数、通知节奏、额度和 token 存在哪里。`"auto"`（默认）：本机当前用户的一个 SQLite 文件，'
    '没有私有目录时用内存；`"memory"`；`"sqlite:///相对路径"`、`"sqlite:////绝对路径"`；多台主机用'
    ' `"redis://…"`、`"rediss://…"`。',
    "max_groups": "最多同时区分多少类，默认 1000；其余合并计数。同一行代码最多产生十类变化的值、一百类固定文本。",
    "fingerprint": "以每条记录调用，返回用来分类的值。",
    "processors": "structlog 处理器，在脱敏之前处理每个捕获的事件。",
    "redact": '`True`（默认）：密钥和个人信息；`"secrets"`；`False`；或在 `True` 的基础上添加 `names`、`patterns`，'
    "用 `keep` 指定例外。",
    "uncaught": "同时上报程序和线程未捕获的异常，默认否。",
}
