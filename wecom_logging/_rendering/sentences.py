"""What commands and stderr say, in Chinese: whole sentences, with `{}` where values stand.

A sentence is written in English where it is said, and looked up here at the one place that
shows it. One that is not known is shown as it is.
"""

from __future__ import annotations

import re
from functools import cache

from wecom_logging._rendering.style import Language

#: More of a text is not looked up: it is somebody else's.
_LONG = 2000


def in_language(text: str, language: Language) -> str:
    """`text` in `language`, if its sentence is known; parts that are sentences as well."""
    if language == "en" or not text or len(text) > _LONG:
        return text
    if text in _CHINESE:
        return _CHINESE[text]
    for pattern, chinese in _patterns():
        if found := pattern.fullmatch(text):
            return chinese.format(*(in_language(part, language) for part in found.groups()))
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The most specific first."""
    known = sorted(_CHINESE.items(), key=lambda item: -len(item[0].replace("{}", "")))
    return [
        (re.compile(re.escape(english).replace(r"\{\}", "(.*?)"), re.DOTALL), chinese)
        for english, chinese in known
        if "{}" in english
    ]


#: English, then Chinese: after a bar, on the same line or on the next one.
_CATALOGUE = """
# -- what a handler says on stderr of its options
quiet_hours of {}: here {}, in the store {}: what is in the store counts. Give all processes the \
same; if you have changed them, end the old ones with: wecom-logging quiet off
    | {} 的 quiet_hours：这里{}，存储里{}；以存储为准。请让所有进程使用相同的设置；如果改过，\
用 wecom-logging quiet off 结束旧的
until {} | 到 {} 为止
no quiet now | 现在没有免打扰
# -- check: the steps
configuration | 配置
proxy | 代理
connection | 连接
clock | 时钟
application | 应用
trusted IP | 可信 IP
recipients | 接收人
test message | 测试消息
test errors | 测试错误
robot | 机器人
what happens next | 接下来
name | 名称
store | 存储
in memory: each process counts and alerts for itself | 内存：每个进程自行计数并告警
{} cannot be used: {} | {} 无法使用：{}
{} cannot be used: {}; each process counts for itself | {} 无法使用：{}；每个进程自行计数
{} is damaged: what it held is lost | {} 已损坏：其中的内容丢失
Nothing to do: the next error sets it aside and begins a new one.
    | 无需处理：下一个错误会把它移到一边，并新建一个。
{}, for all processes that name it | {}，由写明它的所有进程共用
{}, for this user's processes on this host | {}，由本机该用户的所有进程共用
Name a file in WECOM_STORE that this user can write. | 请在 WECOM_STORE 中写明一个该用户可写的文件。
Set WECOM_STORE to a redis:// URL, or to memory if this is meant.
    | 请把 WECOM_STORE 设为 redis:// URL；如果本意如此，请设为 memory。
Start it, or correct WECOM_STORE. | 请启动它，或更正 WECOM_STORE。
fallback | 备用通道
{} took a test message | {} 已收下测试消息
{}, after a refusal or {} s | {}，被拒收后或 {} 秒内未收下任何消息时
{} was given them and has not returned: it is unknown whether it told them
    | {} 已收到但尚未返回，是否已通知不得而知
quiet hours | 免打扰时段
not now | 现在不在其中
now, until {}: test errors are told then | 现在处于免打扰，到 {} 为止：测试错误到时才通知
Answer "wecom-logging quiet off" to be told at once.
    | 要立即收到通知，运行 wecom-logging quiet off。
# -- check: configuration
a group robot | 群机器人
an application | 自建应用
{} = {}  (from the environment) | {} = {}  （来自环境变量）
{} = {}  (from the env file) | {} = {}  （来自 env 文件）
(set) | （已设置）
{} is set, but there is no such option | 设置了 {}，但没有这个选项
messages call the program {}, as many programs are | 消息中程序名为 {}，许多程序都叫这个名字
Set app, or WECOM_APP. | 请设置 app 或 WECOM_APP。
is {} meant? | 是否应为 {}？
take it out. | 请删除。
{} sends to {} | {} 发往 {}
the handler {} is off | handler {} 处于关闭状态
the handler {} is off by enabled, or WECOM_ENABLED
    | handler {} 已由 enabled 或 WECOM_ENABLED 关闭
Take "enabled": False out of it, and WECOM_ENABLED=0 out of the environment.
    | 请去掉其中的 "enabled": False 和环境变量 WECOM_ENABLED=0。
WECOM_ENABLED switches alerts off | WECOM_ENABLED 关闭了告警
Set it to 1, or take it out. | 请设为 1，或去掉它。
Give it a destination, or enabled=True to insist. | 请为它配置发送目标，或设 enabled=True 强制要求。
# -- check: the way to WeCom
{} is a SOCKS proxy, and the package for it is not installed
    | {} 是 SOCKS 代理，但没有安装它所需的包
{} speaks {}, not {} | {} 使用 {}，而不是 {}
{}: the connection was cut off in the middle | {}：连接中途被切断
Ask who runs the firewall, proxy or gateway whether it lets this machine pass.
    | 请询问防火墙、代理或网关的管理员是否允许本机通过。
the certificate of {} is for {} | {} 的证书是颁发给 {} 的
another name | 另一个名称
Write a name that it has into WECOM_API_BASE, or have one made for this name.
    | 请在 WECOM_API_BASE 中写证书里的名称，或为该名称签发证书。
Have it renewed, unless this machine's clock is wrong: it says {}.
    | 请更新证书；除非本机时钟有误，它显示 {}。
{}: no answer within {} s | {}：{} 秒内无响应
{} is {}; no proxy | {} 解析为 {}；未使用代理
plain http | 明文 http
{}, certificate until {} | {}，证书有效期至 {}
the certificate of {} is not trusted: {} | {} 的证书不受信任：{}
Where a proxy or gateway has its own CA, name its file in REQUESTS_CA_BUNDLE.
    | 如果代理或网关使用自己的 CA，请用 REQUESTS_CA_BUNDLE 指定其文件。
Open the way to it in the firewall, or set WECOM_PROXIES or HTTPS_PROXY.
    | 请在防火墙放行，或设置 WECOM_PROXIES、HTTPS_PROXY。
Correct WECOM_PROXIES or HTTPS_PROXY, or list the API's host in NO_PROXY.
    | 请更正 WECOM_PROXIES 或 HTTPS_PROXY，或把接口域名写入 NO_PROXY。
Correct WECOM_API_BASE, or this machine's name server; or use a proxy.
    | 请更正 WECOM_API_BASE 或本机的域名服务器，或使用代理。
the server does not say what time it is | 服务器没有返回时间
this machine's is {} s ahead of the server's | 本机比服务器快 {} 秒
this machine's is {} s behind the server's | 本机比服务器慢 {} 秒
Set it, for instance with timedatectl set-ntp true. | 请校准，例如 timedatectl set-ntp true。
agrees with the server's | 与服务器一致
# -- check: what WeCom says
WeCom has issued one | 企业微信已签发
WeCom takes calls from this machine's address | 企业微信接受来自本机地址的调用
{} is stopped | {} 已停用
Enable it: 应用管理 → 应用 → the app → 已启用. | 请启用：应用管理 → 应用 → 该应用 → 已启用。
{}, seen by {} | {}，可见范围：{}
{} members, {} | {} 名成员，{}
{} member, {} | {} 名成员，{}
{} parties, {} | {} 个部门，{}
{} party, {} | {} 个部门，{}
{} member | {} 名成员
{} members | {} 名成员
{} party | {} 个部门
{} parties | {} 个部门
{} tag | {} 个标签
{} tags | {} 个标签
nobody | 无人
everybody who sees it: {} | 所有可见成员：{}
{} cannot see the application | {} 不在应用的可见范围内
Correct touser (账号 of a member under 通讯录), or add them to 应用管理 → 应用 → the app → \
可见范围.
    | 请更正 touser（通讯录中成员的账号），或加入 应用管理 → 应用 → 该应用 → 可见范围。
accepted: look at your phone | 已接受：请看手机
accepted, but not for {} | 已接受，但未送达 {}
Correct the names, or 应用管理 → 应用 → the app → 可见范围.
    | 请更正名称，或检查 应用管理 → 应用 → 该应用 → 可见范围。
alerts are markdown, and WeChat does not show it | 告警为 markdown，微信中无法显示
If somebody reads inside WeChat (微信插件), set WECOM_MSGTYPE=text.
    | 如果有人在微信（微信插件）里接收，请设置 WECOM_MSGTYPE=text。
only a message shows whether its key is right, and --no-send is set
    | key 是否正确只有发消息才知道，而指定了 --no-send
a new error is told after {} s; the same again is counted and told in {} s
    | 新错误 {} 秒后告知；同一错误再出现会累计，{} 秒后再告知
# -- check: the way of an error through logging
a test error did not reach the handler | 测试错误没有到达 handler
nothing is in the way of an error | 错误一路畅通
Look at the filters on its way. | 请检查途中的 filter。
See "root" above. | 参见上方的 "root"。
Call logger.add(WeComHandler(), level="ERROR", format="{message}").
    | 请调用 logger.add(WeComHandler(), level="ERROR", format="{message}")。
to log through it raises {} | 经过它记录日志时抛出异常 {}
Mend the filter, logger or handler that does. | 请修正抛出异常的 filter、logger 或 handler。
the level of {} is {} | {} 的级别是 {}
Set "level": "INFO" in "root". | 请在 "root" 中设置 "level": "INFO"。
Set {} in {} of "handlers". | 请在 "handlers" 的 {1} 中设置 {0}。
Add {} to "handlers" of "root". | 请把 {} 加到 "root" 的 "handlers" 中。
Add {} to "handlers" of {} in "loggers". | 请把 {} 加到 "loggers" 中 {} 的 "handlers"。
nobody takes records from the queue of {} | 没有谁从 {} 的队列中取走记录
Make a QueueListener. {} | 请创建一个 QueueListener。{}
the listener of the queue {} is not started | 队列 {} 的 listener 没有启动
Call {}.listener.start(). {} | 请调用 {}.listener.start()。{}
Or take the queue out: a WeComHandler needs none before it.
    | 或去掉该队列：WeComHandler 之前不需要队列。
an error of {} comes to it twice and is counted once: by two handlers there
    | {} 的错误会到达它两次，只计一次：那里有两个 handler
an error of {} comes to it twice and is counted once: there and at {}
    | {} 的错误会到达它两次，只计一次：在那里和在 {}
no reason is known | 原因不明
errors reach the handler | 错误能到达 handler
logging.disable() is in force | logging.disable() 正在生效
Take the call of logging.disable out. | 请去掉对 logging.disable 的调用。
the same with {} | {} 同样如此
the configuration disables it | 配置禁用了它
{}: the configuration disables them | {}：配置禁用了它们
Add "disable_existing_loggers": False. | 请加上 "disable_existing_loggers": False。
its level is {} | 它的级别是 {}
Add {} to "loggers". | 请在 "loggers" 中加上 {}。
Set {} in {} of "loggers". | 请在 "loggers" 的 {1} 中设置 {0}。
a filter of the logger drops errors | logger 的 filter 丢弃了错误
Correct "filters" of the logger. | 请更正该 logger 的 "filters"。
no WeComHandler is on its way | 途经之处没有 WeComHandler
its records end at {} (propagate is false) | 它的记录止于 {}（propagate 为 false）
The program does this in code, not in "loggers": take that out, or add "{}" to its \
handlers there.
    | 这是程序在代码里设置的，不在 "loggers" 中：请去掉它，或在那里把 "{}" 加到它的 handler 中。
under gunicorn it has the handlers of 'gunicorn.error', and no others
    | 在 gunicorn 下它只有 'gunicorn.error' 的 handler
the level of the handler {} is {} | handler {} 的级别是 {}
a filter of the handler {} drops errors | handler {} 的 filter 丢弃了错误
Correct its "filters". | 请更正它的 "filters"。
its events never pass through logging | 它的事件不经过 logging
Add wecom_logging.structlog_processor() before the renderer.
    | 请在 renderer 之前加上 wecom_logging.structlog_processor()。
Take "{}" out of "handlers" of {}. | 请把 "{}" 从 {} 的 "handlers" 中去掉。
what is logged through logging, as libraries do, is not told: wecom_logging.install() would add it
    | 经 logging 记录的（第三方库都是如此）不会通知：再调用 wecom_logging.install() 即可
left out | 已排除
by --except: {} | 由 --except 排除：{}
none has reached a handler | 没有一条到达 handler
gunicorn's master | gunicorn 的 master
logs time-outs of workers and failed boots, and does not load the application
    | 它记录 worker 超时和启动失败，但不加载应用
Set logconfig_dict in gunicorn.conf.py, or use "--preload"; see docs/frameworks.md.
    | 请在 gunicorn.conf.py 中设置 logconfig_dict，或使用 "--preload"；见 \
docs/frameworks.zh-CN.md。
gunicorn's console | gunicorn 的控制台
uvicorn's console | uvicorn 的控制台
what {} logs is printed nowhere: only a WeComHandler gets it
    | {} 的日志哪里也不输出：只有 WeComHandler 收到它
Keep "gunicorn.error" with {}, without an entry "uvicorn.error".
    | 请保留带 {} 的 "gunicorn.error"，不要写 "uvicorn.error"。
a logging.StreamHandler | 一个 logging.StreamHandler
libraries | 第三方库
it pushes the message out of the notification, which reads {}
    | 它把正文挤出了手机通知，通知显示为 {}
Take "formatter" out of "{}" of "handlers". | 请把 "formatter" 从 "handlers" 的 "{}" 中去掉。
{}:{} takes connections; it resolves the API's name | {}:{} 可以连接；API 的域名由它解析
Write {}:// in WECOM_API_BASE, or another port. | 请在 WECOM_API_BASE 中写 {}://，或换一个端口。
Install it: pip install "requests[socks]". | 请安装：pip install "requests[socks]"。
a proxy that speaks TLS itself: the next call will show | 代理自己使用 TLS：下一步调用会见分晓
{} may see it by a party or tag: a message will tell | {} 可能通过部门或标签可见：发一条消息即可知道
not tried | 未尝试
delivered | 已送达
It is the path of a module, as in shop.main:app, from where you are.
    | 请写从当前目录可导入的模块路径，例如 shop.main:app。
{} of {} delivered, the others reach no handler | {1} 条中有 {0} 条已送达，其余到不了 handler
the fallback took them, not the destination: {} | 收下的是备用通道，而不是发送目标：{}
a processor drops them | 处理器丢弃了它们
Look at its "processors". | 请检查它的 "processors"。
not told yet: {} | 尚未通知：{}
the handler waits | handler 在等待
"wecom-logging groups" shows them. | wecom-logging groups 会列出它们。
{} is quiet until {} (by {}) | {} 免打扰到 {}（由 {} 设置）
{} is silenced until {} by {} | {0} 被 {2} 静默到 {1}
{} is silenced until {} by {}: {} | {0} 被 {2} 静默到 {1}：{3}
quiet | 免打扰
what a worker's framework does not log itself is not told: {}
    | worker 中框架自己没有记录的错误不会通知：{}
{}: logconfig_dict: {} | {} 的 logconfig_dict：{}
not delivered in time | 未能及时送达
# -- what to do about WeCom's codes
Nothing to do: a new access token is fetched. | 无需处理：会获取新的 access token。
If it stays so, compare corpsecret with Secret under 应用管理 → 应用 → the app, and enable the \
app there.
    | 如果一直如此，请核对 corpsecret 与 应用管理 → 应用 → 该应用 中的 Secret，并启用应用。
Nothing to do: WeCom is busy, try again a little later. | 无需处理：企业微信繁忙，稍后会重试。
Send from fewer threads or processes at a time. | 请减少同时发送的线程或进程。
Wait for a minute and send less: a robot takes 20 messages a minute, an application 30 a minute \
and member.
    | 请等一分钟并减少发送：机器人每分钟 20 条，应用对每个成员每分钟 30 条。
Send a shorter message. | 请发送更短的消息。
Send a message that is not empty. | 请发送非空的消息。
Send it as plain text, without control characters. | 请以纯文本发送，不含控制字符。
WeCom's spam filter refused the text: word it differently.
    | 内容被企业微信的反垃圾规则拒绝：请换一种说法。
Upload the file again: more than 5 bytes, 20 MB at most; it lives for 3 days.
    | 请重新上传文件：大于 5 字节，不超过 20 MB，有效期 3 天。
A field of this kind of message is missing or wrong. | 这种消息缺少字段，或字段有误。
The message is too old to be changed. | 消息已过期，不能再修改。
Copy corpid from 我的企业 → 企业信息 → 企业ID. | 请从 我的企业 → 企业信息 → 企业ID 复制 corpid。
Copy corpsecret from Secret under 应用管理 → 应用 → the app; it may be another app's.
    | 请从 应用管理 → 应用 → 该应用 的 Secret 复制 corpsecret，现在的可能属于另一个应用。
Reset the Secret under 应用管理 → 应用 → the app: WeCom finds this one unsafe.
    | 请在 应用管理 → 应用 → 该应用 重置 Secret：企业微信认为现在的不安全。
Copy agentid from AgentId under 应用管理 → 应用 → the app.
    | 请从 应用管理 → 应用 → 该应用 的 AgentId 复制 agentid。
corpsecret and agentid are of two apps: copy both from the same page under 应用管理 → 应用 → the \
app.
    | corpsecret 与 agentid 属于两个应用：请从 应用管理 → 应用 → 该应用 同一页复制。
The access token got lost on the way: a proxy or gateway drops the query of the URL.
    | access token 在途中丢失：代理或网关去掉了 URL 的查询参数。
No recipient can be reached: correct touser, toparty and totag, or add them to 可见范围 under \
应用管理 → 应用 → the app.
    | 没有可送达的接收人：请更正 touser、toparty、totag，或加入 应用管理 → 应用 → 该应用 \
的可见范围。
Add the recipients to 可见范围 under 应用管理 → 应用 → the app.
    | 请把接收人加入 应用管理 → 应用 → 该应用 的可见范围。
Correct touser: the user id is 账号 of a member under 通讯录.
    | 请更正 touser：应为通讯录中成员的账号。
Correct toparty or totag: the numbers are in 通讯录. | 请更正 toparty 或 totag：编号见通讯录。
Name fewer recipients: 1000 users, 100 parties, 100 tags at most; or use a tag.
    | 接收人过多：最多 1000 个成员、100 个部门、100 个标签；也可改用标签。
Name a recipient: touser, toparty or totag. | 请指定接收人：touser、toparty 或 totag。
The member has to follow 微信插件 first (我的企业 → 微信插件).
    | 成员需要先关注微信插件（我的企业 → 微信插件）。
The group chat is unknown to this app: it has to be made by the same app.
    | 该应用不认识这个群聊：群聊须由同一应用创建。
Add {} to 企业可信IP under 应用管理 → 应用 → the app; it takes effect after about a minute.
    | 请把 {} 加入 应用管理 → 应用 → 该应用 的企业可信IP，约一分钟后生效。
Enable the app: 已启用 under 应用管理 → 应用 → the app.
    | 请启用应用：应用管理 → 应用 → 该应用 → 已启用。
The app may not do this: take corpsecret and agentid of one 自建 app under 应用管理 → 应用 → the \
app.
    | 该应用没有此权限：请使用 应用管理 → 应用 中同一自建应用的 corpsecret 与 agentid。
WeCom has retired this call: update wecom-logging. | 企业微信已停用此接口：请升级 wecom-logging。
Permission lapsed after long disuse: renew it under 应用管理 → 应用 → the app.
    | 长期未用，权限已失效：请在 应用管理 → 应用 → 该应用 重新开启。
Use a newer Python or OpenSSL: WeCom refuses this version of TLS.
    | 请使用更新的 Python 或 OpenSSL：企业微信拒绝这个 TLS 版本。
Set a callback under 应用管理 → 应用 → the app → 接收消息.
    | 请在 应用管理 → 应用 → 该应用 → 接收消息 设置回调。
WeCom has closed the company's account: ask its support. | 企业微信已关闭该企业的账号：请联系客服。
The recipients or the company lack a licence: see 我的企业 → 接口许可.
    | 接收人或企业缺少接口许可：见 我的企业 → 接口许可。
The robot is gone or its key is wrong: open the group's settings → 消息推送 (群机器人) and copy \
its Webhook address again.
    | 机器人已被移除或 key 有误：请打开群设置 → 消息推送（群机器人），重新复制 Webhook 地址。
The group does not take the robot's messages: look at the group's settings → 消息推送 (群机器人), \
and add a new robot if need be.
    | 该群不接收机器人的消息：请查看群设置 → 消息推送（群机器人），必要时添加新的机器人。
corpsecret does not belong to corpid, or the app is stopped: copy Secret from 应用管理 → 应用 → \
the app, and see that it is 已启用.
    | corpsecret 与 corpid 不匹配，或应用已停用：请从 应用管理 → 应用 → 该应用 复制 Secret，\
并确认已启用。
Too many access tokens asked for, perhaps with a wrong corpsecret: WeCom then refuses this \
address for up to an hour.
    | 获取 access token 过于频繁，可能是 corpsecret 有误：企业微信会拒绝该地址最长一小时。
# -- what an error says
WeCom refused with errcode {}: {} ({}) | 企业微信以 errcode {} 拒绝：{}（{}）
WeCom refused with errcode {}: {} | 企业微信以 errcode {} 拒绝：{}
{}: cannot connect: {} | {}：无法连接：{}
{}: the request was written, but no readable answer came: {}
    | {}：请求已发出，但没有收到能读懂的应答：{}
{}: redirected (HTTP {}), which is not followed: is api_base right?
    | {}：被重定向（HTTP {}），不会跟随：api_base 是否正确？
{}: HTTP {}: is api_base right? | {}：HTTP {}：api_base 是否正确？
{}: the answer is not WeCom's (HTTP {}) | {}：应答不是企业微信的（HTTP {}）
the answer is larger than 1 MiB | 应答超过 1 MiB
the answer to gettoken has no access_token | gettoken 的应答里没有 access_token
the answer to the upload has no media_id | 上传的应答里没有 media_id
the answer has no errcode that is a number | 应答里没有数字 errcode
the next access token may be fetched in {} s only | {} 秒后才能再次获取 access token
another thread is still asking for the access token | 另一个线程仍在获取 access token
not sent: {} | 未发送：{}
{}; the file is left alone | {}；文件保持原样
it is another program's database and is left alone | 它是其他程序的数据库，保持原样
the store {} | 存储 {}
no destination: set WECOM_WEBHOOK_KEY, or WECOM_CORPID, WECOM_CORPSECRET, WECOM_AGENTID
    | 没有配置发送目标：请设置 WECOM_WEBHOOK_KEY，或 WECOM_CORPID、WECOM_CORPSECRET、WECOM_AGENTID
# -- stderr
no destination (webhook_key, or corpid, corpsecret and agentid), so no alerts; enabled=False says \
that this is meant
    | 没有配置发送目标（webhook_key，或 corpid、corpsecret、agentid），不会发送告警；\
如果本意如此，请设 enabled=False
api_base is plain http: whoever sits between here and {} can read the secret and every alert
    | api_base 是明文 http：这里到 {} 之间的任何人都能读到密钥和全部告警
in Kubernetes without store='redis://…' every pod alerts for itself (store='memory' says that \
this is meant)
    | 在 Kubernetes 中不设 store='redis://…'，每个 pod 会各自告警（如果本意如此，请设 \
store='memory'）
{} cannot be used ({}); until it can, this process counts and alerts for itself
    | {} 无法使用（{}）；恢复之前，本进程自行计数并告警
{} error was not delivered at exit: {} | 退出时有 {} 个错误未能送达：{}
{} errors were not delivered at exit: {} | 退出时有 {} 个错误未能送达：{}
not done within {} s | {} 秒内未完成
interrupted | 已被中断
logged while the interpreter was going down | 记录时解释器已在退出
their store, which has them, cannot be used any more; they may have been told
    | 存有它们的存储已无法使用，可能已经发出
{}; the store keeps them for the next error, flush or exit of this app
    | {}；已留在存储中，随该应用的下一个错误、flush 或退出送出
{} error is lost: {} has forgotten them | 丢失 {} 个错误：{} 中已没有记录
{} was emptied: silences, and who has taken what, are gone with it
    | {} 已被清空：静默和接手记录也随之丢失
{} errors are lost: {} has forgotten them | 丢失 {} 个错误：{} 中已没有记录
the store holds {} that cannot be read; they count as none | 存储中有无法读取的 {}，视为不存在
rate_limit allows {} attempts in {} s, and WeCom takes {} {}: what is beyond is refused or \
dropped in silence
    | rate_limit 允许 {} 次请求（{} 秒内），而企业微信只接受 {} {}：超出部分会被拒绝或静默丢弃
a minute from a robot | 次（每个机器人每分钟）
a minute from an application to a member | 次（每个应用对每位成员每分钟）
an hour from an application to a member | 次（每个应用对每位成员每小时）
nothing follows: {} | 之后不再跟发内容：{}
{} failed with {} in a forked child | {} 在 fork 出的子进程中出错（{}）
{} — the fallback tells it meanwhile, trying again | {} —— 期间由备用通道通知，将会重试
{} — everything stays pending, trying again | {} —— 全部保留待发，将会重试
{} errors are lost: WeCom refuses the content in every form ({})
    | 丢失 {} 个错误：企业微信拒绝了内容的所有形式（{}）
delivered, but not to everybody ({}) | 已送达，但不是所有人（{}）
a message could not be rendered ({}); sent as counts only | 一条消息无法排版（{}），只发送了次数
{} could not be sent: {} | {}未能发送：{}
the file with the whole report | 完整报告的文件
the call for somebody | 点名通知
processor {} failed with {}; its events are told without their texts
    | processor {} 出错（{}），其事件只告知次数，不含文字
a kind of error cannot be told apart, it counts as others ({}) | 有一类错误无法区分，计入其他（{}）
unexpected {} in the worker, trying again ({}); please report it
    | 后台线程出现意外的 {}，将会重试（{}）；请反馈给我们
"""

_CHINESE: dict[str, str] = dict(
    re.findall(r"^(?!#)(.+?)(?: |\n    )\| (.+)$", _CATALOGUE, re.MULTILINE)
)
