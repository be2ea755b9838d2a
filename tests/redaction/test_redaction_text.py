"""Redaction inside of text: what must go, what must stay, and at what cost."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wecom_logging.redaction import redact_text

examples = settings(max_examples=60, deadline=None)

#: No secret of anybody. It has what passwords have, and is no word.
FAKE = "Zq9-fake"


def fake(prefix: str, length: int, alphabet: str = "AB12cd34") -> str:
    """A key of a provider's shape, put together here so that no scanner takes it for one."""
    return prefix + (alphabet * length)[:length]


#: Without its end this notation looks like anything.
NEEDS_ITS_END = "root:{s}@tcp(127.0.0.1:3306)/shop"

#: Notations in which a password can stand in a text.
NAMED = [
    "password={s}",
    "password = {s}",
    "password: {s}",
    "PASSWORD={s}",
    "db_passwd={s} host=db",
    "dbPassword={s}, host=db",
    "MYSQL_PWD={s};x=1",
    "X-Api-Key: {s}",
    "apikey={s}&x=1",
    "client_secret={s}",
    "SECRET_KEY = '{s}'",
    "api key: api_key='{s}'",
    'aws_secret_access_key="{s}"',
    "session_id={s}",
    "JSESSIONID={s}",
    "csrftoken={s}",
    "accessToken: {s}",
    "2fa_token={s}",
    '{{"password": "{s}", "user": "bob"}}',
    "{{'password': '{s}', 'user': 'bob'}}",
    "{{'password': b'{s}'}}",
    '{{"login": {{"password":"{s}"}}}}',
    '"{{\\"password\\": \\"{s}\\", \\"user\\": \\"bob\\"}}"',
    '"{{\\\\\\"password\\\\\\": \\\\\\"{s}\\\\\\"}}"',
    '{{"credentials": {{"user": "bob", "what": "{s}"}}, "x": 1}}',
    '{{"passwords": ["{s}", "other"], "x": 1}}',
    "User(name='bob', password='{s}', age=3)",
    "Settings(password=SecretStr('{s}'), debug=True)",
    "Token(secret={s})",
    "password => {s}",
    "Server=db;Database=shop;User Id=sa;Password={s};Encrypt=yes",
    "postgres://bob:{s}@db/shop",
    "mysql+pymysql://root:{s}@10.0.0.1:3306/shop?charset=utf8",
    "redis://:{s}@cache:6379/0",
    "amqps://guest:{s}@mq.internal//",
    "could not connect to https://bob:{s}@git.example.com/x.git: timeout",
    "https://api.example.com/v1?access_token={s}&page=2",
    "https://api.example.com/v1?a=1&password={s}",
    "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={s}",
    "Authorization: Bearer {s}",
    "authorization=Token {s}",
    "Proxy-Authorization: Basic {s}",
    'Authorization: Digest username="bob", realm="x", response="{s}"',
    "curl -H 'Authorization: Bearer {s}' https://api.example.com",
    "Cookie: theme=dark; sid={s}; lang=zh",
    "Set-Cookie: sid={s}; Path=/; HttpOnly",
    "deploy --password {s} --host db",
    "deploy --api-token={s}",
    "Command '['deploy', '--password', '{s}']' returned non-zero exit status 1.",
    "Command '['mysqldump', '-p{s}', 'shop']' returned non-zero exit status 2.",
    "mysql -u root -p{s} shop",
    "sshpass -p {s} ssh bob@db",
    "curl -u bob:{s} https://api.example.com",
    "redis-cli -h cache -a {s} PING",
    "java -Dspring.datasource.password={s} -jar shop.jar",
    "CREATE USER 'bob' IDENTIFIED BY '{s}'",
    "ALTER ROLE bob WITH PASSWORD '{s}'",
    "<login><password>{s}</password></login>",
    "<password><![CDATA[{s}]]></password>",
    "('X-Api-Key', '{s}')",
    "[(b'x-auth-token', b'{s}')]",
    "    password = '{s}'  # noqa",
    "    password: str = '{s}'",
    "密码：{s}，请检查",
    "数据库密码={s}",
    "用户密码: {s}",
    "密码是{s}",
    '{{"密钥": "{s}"}}',
    json.dumps({"密码": "{s}"}).replace('{"', '{{"').replace('"}', '"}}'),
    "Invalid password: {s}",
    "the password is {s}a1",
    '[{{"name": "password", "value": "{s}"}}]',
    "1 error\npassword\n  Too short [type=string_too_short, input_value='{s}', input_type=str]",
    "requests.get(url, auth=('bob', '{s}'))",
    NEEDS_ITS_END,
    "line\\npassword={s}\\nline",
    "line\\napi_key={s}\\nline",
    "password%3D{s}%26user%3Dbob",
    "%7B%22password%22%3A%22{s}%22%7D",
]

#: Things that are secrets by their looks.
SHAPED = {
    "bearer": "Bearer " + fake("", 24),
    "basic": "Basic " + b64encode(b"bob:Zq9-fake").decode(),
    "jwt": ".".join([fake("ey" + "J", 20), fake("", 30), fake("", 20)]),
    "pem": "-----BEGIN RSA {0}-----\n{1}\n-----END RSA {0}-----".format(
        "PRIVATE" + " KEY", fake("MII", 60)
    ),
    "openssh": "-----BEGIN OPENSSH PRIVATE" + fake(" KEY-----\\nb3Bl", 60),
    "aws": fake("AK" + "IA", 16, "ABCD2345"),
    "github": fake("gh" + "p_", 36),
    "github fine-grained": fake("github" + "_pat_", 40),
    "gitlab": fake("gl" + "pat-", 20),
    "slack": fake("xo" + "xb-", 30, "12-ab"),
    "slack webhook": "https://hooks.slack" + fake(".com/services/", 30, "T0B1/"),
    "stripe": fake("sk" + "_live_", 24),
    "openai": fake("sk" + "-proj-", 40),
    "deepseek": fake("s" + "k-", 32),
    "google": fake("AI" + "za", 35),
    "aliyun": fake("LT" + "AI", 20),
    "tencent": fake("AK" + "ID", 32),
    "feishu": fake("https://open.feishu.cn/open-apis/bot/v2/ho" + "ok/", 32),
    "presigned url": "https://s3.example.com/a?X-Amz-Signature=" + fake("", 28),
    "url signature": "https://oss.example.com/a?Signature=" + fake("", 28),
}

#: Log lines as they are written every day. None has a secret; each must stay as it is.
INNOCENT = """\
payment 8841 failed: gateway timeout
HTTPSConnectionPool(host='bank', port=443): Read timed out. (read timeout=3)
Internal Server Error: /pay/8841/
SELECT * FROM users WHERE id = 42 AND age < 30
UPDATE users SET password=%s, token=%(token)s WHERE id=%s
INSERT INTO auth_user (username, password, email) VALUES (%s, %s, %s)
KeyError: 'password'
KeyError: 'SECRET_KEY'
django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.
password authentication failed for user "shop"
FATAL:  password authentication failed for user "postgres"
invalid password: too short
Password: This field is required.
token: expired
Unexpected token: EOF at line 3
Unexpected token } in JSON at position 17
SyntaxError: Unexpected token '<', "<!DOCTYPE "... is not valid JSON
cryptography.fernet.InvalidToken: padding
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
token_count=512 max_tokens=1024 total_tokens: 1536
keyboard=us author=alice passenger=3 secretary=bob monkey: banana
the author: Bob, the keyboard: qwerty
password_min_length=12 password_reset_timeout: 3600
secret_name=db-credentials-prod cookie_domain=.example.com
AUTH_PASSWORD_VALIDATORS = []
token_type=bearer expires_in=7200
POST /oauth/token: 401 Unauthorized
GET /api/password/reset?lang=zh HTTP/1.1 200
Basic authentication failed for 10.0.0.7
bearer token expired
Bearer authentication is not configured
access token refreshed in 0.25 s
http://localhost:8000/health is not reachable
redis://cache:6379/0 refused the connection
postgres://db.internal:5432/shop?connect_timeout=3
https://example.com/search?q=a@b.c&page=2
https://docs.example.com/guide#key=value
ssh://git@github.com:22/shop/repo.git
http://[::1]:8080/metrics
cache key=user:123:profile missed
sort key: created_at, primary key: id
foreign key constraint "orders_user_id_fkey" fails
started worker pid=4711 at 2024-05-13T13:08:00.123456+08:00
timestamp 1700000000.123 and 1700000000123
request_id=0f8fad5b-d9cb-469f-a165-70867728950e trace=4bf92f3577b34da6a3ce929d0e0e4736
order 202405131380013800012 was paid twice
read 13912345678 bytes from /dev/sda
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
version 13.138.0013.8000-rc1 deployed
  File "/srv/shop/auth/password.py", line 31, in check_password
    token = self.get_token()
    user = authenticate(username=username, password=self.password)
    def login(self, user, password=None, token: str = None):
<Response [401]> <module 'secrets' from '/usr/lib/python3.11/secrets.py'>
C:\\Users\\tokens\\file.txt not found
支付失败：订单 8841，请重试（超时）
密码错误：请重新输入
用户登录失败，密码不能为空
令牌已过期，密钥不存在
task-runner sk-learn npm_config_cache hf_hub pypi-server
host=db-1 user=shop dbname=shop port=5432 sslmode=disable
Failed password for invalid user admin from 10.0.0.9 port 53122 ssh2
email address is missing; phone number is invalid; name=charge
address already in use: ('0.0.0.0', 8000)
{"event": "order.paid", "id": 8841, "items": [1, 2, 3], "ok": true, "note": null}
[2024-05-13 13:08:00,123: ERROR/ForkPoolWorker-1] Task orders.sync[0f8fad5b] raised unexpected
100%|██████████| 62/62 [00:01<00:00, 60.1it/s]
password=None token='' secret=null api_key=<unset>
auth=ok session=active code=404 sid=12
x-request-id: abc123 content-type: application/json
git clone https://github.com/shop/repo.git --depth 1 --no-tags
pip install --index-url https://pkgs.example.com/simple shop==2.3.1
docker run --name shop -p 8000:8000 -e DEBUG=1 shop:2.3.1
mysql: table shop.orders is marked as crashed -please repair
curl: (28) Connection timed out after 3001 milliseconds
""".splitlines()

around = st.sampled_from(["", *INNOCENT]).map(lambda line: f"{line} " if line else "")


@pytest.mark.parametrize("line", INNOCENT)
def test_innocent_lines_stay_as_they_are(line: str) -> None:
    assert redact_text(line) == line


def test_innocent_lines_stay_as_they_are_together() -> None:
    text = "\n".join(INNOCENT)
    assert redact_text(text) == text


@pytest.mark.parametrize("template", NAMED)
def test_a_named_secret_goes_and_the_rest_stays(template: str) -> None:
    text = f"before {template.format(s=FAKE)}\nafter"
    result = redact_text(text)
    assert FAKE not in result
    assert "[redacted: " in result
    assert result.startswith("before ")
    assert result.endswith("\nafter")
    assert redact_text(result) == result


@examples
@given(
    template=st.sampled_from(NAMED),
    secret=st.text("aB3!$^*_+-.~", min_size=6, max_size=20),
    before=around,
    after=around,
)
def test_no_named_secret_survives_anywhere(
    template: str, secret: str, before: str, after: str
) -> None:
    secret = f"Zq9{secret}"
    result = redact_text(f"{before}{template.format(s=secret)}\n{after}")
    assert secret not in result
    assert "Zq9" not in result
    assert redact_text(result) == result


@pytest.mark.parametrize("secret", SHAPED.values(), ids=SHAPED)
@pytest.mark.parametrize("frame", ["{}", "got {} from bob", "x={}", '{{"v": "{}"}}', "值是{}。"])
def test_a_secret_is_known_by_its_looks(secret: str, frame: str) -> None:
    result = redact_text(frame.format(secret))
    assert secret.split()[-1] not in result
    assert "[redacted: " in result
    assert redact_text(result) == result


@pytest.mark.parametrize("template", [t for t in NAMED if t != NEEDS_ITS_END])
def test_nothing_is_left_of_a_secret_that_was_cut_off(template: str) -> None:
    """Texts are cut to their greatest size before they are redacted."""
    text = template.format(s=FAKE)
    cut_off = text[: text.index(FAKE) + len(FAKE) - 2]
    assert FAKE[:5] not in redact_text(cut_off)


@pytest.mark.parametrize("word", ["no", "the", "str", "none", "a", "<x>", ":x", "***"])
@pytest.mark.parametrize("sign", [".", ":", ",", ";", "&", "!", ")", "-", "_", ""])
def test_a_password_may_begin_with_a_word_of_prose(word: str, sign: str) -> None:
    for separator in ("=", ": "):
        assert FAKE not in redact_text(f"password{separator}{word}{sign}{FAKE}")


def test_nothing_is_left_of_a_key_that_was_cut_off() -> None:
    pem = SHAPED["pem"]
    assert redact_text(f"got {pem[:60]}") == "got [redacted: private key]"
    assert redact_text(SHAPED["github"][:14]) == "[redacted: github token]"
    assert redact_text("x " + SHAPED["jwt"][:18]) == "x [redacted: jwt]"


LABELS = {
    "password=Zq9": "password=[redacted: password]",
    '{"pwd": "Zq9", "n": 1}': '{"pwd": "[redacted: password]", "n": 1}',
    "Authorization: Bearer Zq9\nHost: x": "Authorization: [redacted: authorization]\nHost: x",
    "got Bearer Zq9-fake-1 today": "got Bearer [redacted: bearer token] today",
    "f(api_key=Zq9, n=1)": "f(api_key=[redacted: api key], n=1)",
    "redis://:Zq9@h:6379/0": "redis://:[redacted: password]@h:6379/0",
    "?access_token=Zq9&n=1": "?access_token=[redacted: token]&n=1",
    "Password=Zq9;Encrypt=yes": "Password=[redacted: password];Encrypt=yes",
    "密码：Zq9，请检查": "密码：[redacted: password]，请检查",
    "login --password Zq9 --user bob": "login --password [redacted: password] --user bob",
    "a Cookie: sid=Zq9; b=c": "a Cookie: [redacted: cookie]",
}


@pytest.mark.parametrize(("text", "expected"), LABELS.items())
def test_a_mask_says_which_rule_hit(text: str, expected: str) -> None:
    assert redact_text(text) == expected


PERSONAL = {
    "手机13800138000。": "手机138****8000。",
    "tel: +86 138 0013 8000": "tel: +86 138****8000",
    "+8613800138000": "+86138****8000",
    "id 11010519491231002X": "id 110***********002X",
    "id 11010519491231002x": "id 110***********002x",
    "card 6222021234567890128": "card 6222***********0128",
    "card 6222 0212 3456 7890 128": "card 6222***********0128",
    "email=someone@example.com": "email=s***@example.com",
    "姓名：张三丰，": "姓名：张**，",
    '{"real_name": "Bob Lee"}': '{"real_name": "B**"}',
    "address='北京市海淀区中关村大街1号'": "address='北京市海淀区****'",
}
NOT_PERSONAL = [
    "110105194912310021",  # wrong check digit
    "110105194913310021",  # no such month
    "110105194902300028",  # no such day
    "6222021234567890129",  # fails Luhn
    "5222021234567890128",  # another prefix
    "12800138000",
    "138001380001",
    "2024051313800138000",
    "id-13800138000-7",
    "13800138000.5",
    "0x13800138000",
    "13800138000 bytes",
    "email: invalid",
    "address=10.0.0.7",
]


@pytest.mark.parametrize(("text", "expected"), PERSONAL.items())
def test_personal_data_are_shown_in_part(text: str, expected: str) -> None:
    assert redact_text(text) == expected
    assert redact_text(expected) == expected
    assert redact_text(text, personal_data=False) == text


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_what_is_no_card_and_no_number_stays(text: str) -> None:
    assert redact_text(text) == text


@examples
@given(
    text=st.text()
    | st.lists(
        st.sampled_from(
            [
                "password",
                "=",
                ": ",
                '"',
                "'",
                "\\",
                "[redacted: password]",
                "token",
                "--",
                "(",
                ")",
                "{",
                "}",
                "<",
                ">",
                ",",
                ";",
                "&",
                "\n",
                " ",
                "://",
                "@",
                "Bearer ",
                "a",
                "1",
                "eyJ",
                "密码",
                "key",
                "138",
                "00138000",
            ]
        ),
        max_size=25,
    ).map("".join)
)
def test_any_text_is_redacted_once_and_for_all(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "PASSWORD 15668301091",
        "wz48Q~P7kI" * 30,
        f"{'1234567890'}:AA{'x' * 40}1234567890:AA{'y' * 200}",
        "$2b$" + "x/9." * 200,
        'key "secret": value=7a8',
        "AUTH passwd=P",
        "\"field'password:默认d value [",
        "password=x " * 400,
        "--password " * 1500,
    ],
    ids=["a telephone number after a name", "azure", "telegram", "a hash", "a field",
         "what a mask looks like", "a mask that ends a name", "many", "too many"],
)  # fmt: skip
def test_what_is_masked_is_no_secret(text: str) -> None:
    once = redact_text(text)
    assert once != text
    assert redact_text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        f"Invalid password: {FAKE}\njson.decoder.JSONDecodeError: Expecting value: line 1",
        f'<param name="secret" value="{FAKE}77"/> JWT_SECRET_KEY={FAKE[::-1]}',
        f"insert into u (password) values ('{FAKE}",
        f"expected signature 29c90f{'1' * 2000}{FAKE}",
    ],
    ids=["a value elsewhere", "two names", "a row that was cut off", "a very long one"],
)
def test_another_secret_in_the_same_text_hides_none(text: str) -> None:
    shown = redact_text(text)
    assert "Zq9" not in shown
    assert FAKE[:-1] not in shown
    assert FAKE[::-1] not in shown


def test_of_a_text_of_names_alone_the_beginning_is_shown() -> None:
    """Nobody writes it but to take the time of the program."""
    few = "job failed: " + "password=x " * 200
    assert redact_text(few) == few.replace("=x", "=[redacted: password]")
    assert (
        redact_text("job failed: " + "password=x " * 1400)
        == "job failed: password=[redacted: text]"
    )
    spread = f"password=x {'.' * 80} " * 800
    assert redact_text(spread) == spread.replace("=x", "=[redacted: password]")


@pytest.mark.parametrize(
    "text",
    [
        "could not parse: " + "token, " * 300 + "END",
        "could not parse: " + "token, " * 3000 + "END",
        "\n".join(f"job {i}: password ok" for i in range(300)),
        "\n".join(f"2026-11-26T18:00:00 job 7f3a{i}b: token refreshed" for i in range(1500)),
        "\n".join(f"job {i}: token=None" for i in range(300)),
    ],
    ids=["names", "very many names", "lines", "very many lines", "no values"],
)
def test_a_long_text_of_names_without_values_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("secret", ["mobile=1380010{:04} ", "1380010{:04}, "])
def test_of_a_list_of_personal_data_what_stands_around_it_stays(secret: str) -> None:
    text = "Failed for " + "".join(map(secret.format, range(300))) + "deadlock detected"
    shown = redact_text(text)
    assert shown.startswith("Failed for ")
    assert shown.endswith("deadlock detected")
    assert shown.count("138****") == 300


@pytest.mark.parametrize(
    "end",
    [
        f"password={FAKE}",
        f"password: {FAKE}",
        "密码是hunter",
        "--password hunter",
        "password 'hunter'",
        f"password of bob is {FAKE}",
        "name=password value=hunter",
    ],
)
def test_behind_very_many_names_a_value_is_not_shown(end: str) -> None:
    shown = redact_text("token, " * 3000 + end)
    assert "hunter" not in shown
    assert FAKE not in shown
    assert shown.startswith("token, " * 3000)
    assert redact_text(shown) == shown


@pytest.mark.parametrize("sign", ["%3D", "%3a", "是", "为", "为：", "="])
@pytest.mark.parametrize("name", ["密码", "password"])
def test_a_mask_is_not_masked_again(name: str, sign: str) -> None:
    shown = f"{name}{sign}[redacted: password]"
    assert redact_text(f"{name}{sign}abc10048445") == shown
    assert redact_text(shown) == shown
