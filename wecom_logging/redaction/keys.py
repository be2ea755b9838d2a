"""Which names announce a secret or personal data: `rule_for("X-Api-Key").label == "api key"`.

A name is read as words, however it is spelled: `dbPassword`, `DB_PASSWORD`, `db-password`
and `dbpassword` say the same, `keyboard` and `author` do not, and `password_min_length`
speaks about passwords without being one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from wecom_logging._runtime import lazy

from . import personal


def mask(label: str) -> str:
    """What stands for something taken out. Labels are English; a renderer may translate."""
    return f"[redacted: {label}]"


class Rule(NamedTuple):
    """What a name says about its value."""

    label: str
    #: Shows a part of the value; None: it is a secret, and nothing is shown.
    partly: Callable[[str], str] | None = None

    @property
    def secret(self) -> bool:
        return self.partly is None

    def apply(self, value: str) -> str:
        return self.partly(value) if self.partly else mask(self.label)


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Secret wherever they stand in a name, also as the end of a word (`dbpassword`).
_NOUNS = {
    "password": "password",
    "passwd": "password",
    "passphrase": "password",
    "passcode": "password",
    "pwd": "password",
    "secret": "secret",
    "apikey": "api key",
    "accesskey": "access key",
    "secretkey": "secret key",
    "privatekey": "private key",
    "privkey": "private key",
    "credential": "credential",
    "creds": "credential",
    "authorization": "authorization",
    "cookie": "cookie",
    "sessionid": "session id",
    "sessid": "session id",
    "sessionkey": "session id",
}  # fmt: skip
_NOUN = lazy.regex(rf"({'|'.join(_NOUNS)})s?$")

# Secret at the end of a name.
_ENDS = {
    "token": "token",
    "jwt": "token",
    "otp": "one-time code",
    "totp": "one-time code",
    "cvv": "card code",
    "cvc": "card code",
    "pass": "password",
    "dbpass": "password",
    "userpass": "password",
}
_PAIRS = {
    "session id": "session id",
    "session key": "session id",
    "connection auth": "credential",
    "basic auth": "credential",
    "http auth": "credential",
    "proxy auth": "credential",
    "x auth": "credential",
    **{f"{kind} token": "token" for kind in ("access", "refresh", "auth", "api", "csrf", "id")},
    **{f"{kind} code": "one-time code" for kind in ("verify", "verification", "sms", "captcha")},
    **{f"{kind} key": f"{kind} key" for kind in ("api", "access", "secret", "private")},
    **{
        f"{kind} key": "secret key"
        for kind in (
            "account", "aes", "auth", "cipher", "crypto", "encrypt", "encryption", "hmac", "jwt",
            "license", "master", "robot", "service", "shared", "signature", "signing", "ssh",
            "subscription", "webhook",
        )
    },
}  # fmt: skip
_CHINESE = {
    "密码": "password",
    "口令": "password",
    "密钥": "secret key",
    "密匙": "secret key",
    "私钥": "private key",
    "令牌": "token",
    "凭证": "credential",
    "验证码": "one-time code",
}

# A name that ends like this is about a secret, or about the lack of one.
_ABOUT = _set_of(
    "age algorithm at attempt attempts backend banner changed changes check checked class consent "
    "count denied directory domain enabled endpoint error errors exception exceptions exists "
    "expired expires expiry failed failure field fields file files format found grant hasher "
    "hashers help hint httponly id length level limit long manager max min mismatch mode name "
    "names path policy present prompt provider required requirements reset rotation samesite "
    "secure server service short size source stdin store strength strategy timeout ttl type types "
    "updated updates url uri valid validator validators vault version weak"
)

# Tokens of a language model, a parser or a page are no secrets.
_NO_TOKEN = _set_of(
    "bos char completion cls continuation eos first input last lexer mask max min n next num "
    "number output pad page per prev previous prompt sep stop sync total unexpected unk"
)

_PERSONAL = {
    rule: names.split()
    for rule, names in {
        Rule("name", personal.name): (
            "real_name full_name true_name realname fullname truename customer_name receiver_name "
            "recipient_name consignee contact_name buyer_name patient_name first_name last_name "
            "firstname lastname card_holder cardholder 姓名 收货人 收件人 联系人 持卡人"
        ),
        Rule("address", personal.address): "address 地址 住址",
        Rule("e-mail", personal.email): "email mail e_mail email_address 邮箱 电子邮件",
        Rule("phone", personal.phone): (
            "phone mobile telephone tel cellphone phone_number mobile_number phone_no mobile_no "
            "phonenumber 手机 手机号 手机号码 电话 电话号码"
        ),
        Rule("identity card", personal.identity_number): (
            "id_card idcard id_number idnumber id_no identity_card id_card_no id_card_number "
            "cert_no 身份证 身份证号 身份证号码"
        ),
        Rule("bank card", personal.card_number): (
            "bank_card bankcard card_number card_no cardno bank_account 银行卡 银行卡号 卡号"
        ),
    }.items()
}
_PERSONAL_NAMES = {name: rule for rule, names in _PERSONAL.items() for name in names}
_PERSONAL_CHINESE = tuple(name for name in _PERSONAL_NAMES if not name.isascii())

_WORDS = lazy.regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[\u4e00-\u9fff]+")
_ESCAPED = lazy.regex(r"\\+u([0-9a-fA-F]{4})")

#: What a name that matters contains, in lower case: a quick look before the words.
HINTS = (
    "pass", "pwd", "secret", "token", "key", "cred", "auth", "cookie", "sess", "jwt", "otp", "cvv",
    "cvc", "code", "\\u", *_CHINESE,
)  # fmt: skip
PERSONAL_HINTS = (
    "name", "address", "mail", "phone", "mobile", "tel", "card", "consignee", "id", "cert", "bank",
    *_PERSONAL_CHINESE,
)  # fmt: skip


@lru_cache(maxsize=4096)
def rule_for(key: str, *, personal_data: bool = True) -> Rule | None:
    """The rule for the value of `key`, or None if the name says nothing special."""
    # The end of a name says what it is; nobody reads kilobytes of it.
    words = _words(key[-128:])
    if not words:
        return None
    label = _secret(words)
    if label:
        return Rule(label)
    return _personal(words) if personal_data else None


def _words(key: str) -> list[str]:
    key = _ESCAPED().sub(lambda code: chr(int(code[1], 16)), key)
    words = [word.lower() for word in _WORDS().findall(key)]
    while words and words[-1].isdigit():
        words.pop()
    return words


def _secret(words: list[str]) -> str | None:
    last = words[-1]
    pair = " ".join(words[-2:]).removesuffix("s")
    if pair in _PAIRS:
        return _PAIRS[pair]
    for name, label in _CHINESE.items():
        if last.endswith(name):
            return label
    if last not in _ABOUT:
        for word in words:
            noun = _NOUN().search(word)
            if noun:
                return _NOUNS[noun[1]]
    if last in _ENDS or last.endswith("token"):
        return None if _NO_TOKEN.intersection(words) else _ENDS.get(last, "token")
    return None


def _personal(words: list[str]) -> Rule | None:
    for count in (3, 2, 1):
        rule = _PERSONAL_NAMES.get("_".join(words[-count:]))
        if rule:
            return rule
    for name in _PERSONAL_CHINESE:
        if words[-1].endswith(name):
            return _PERSONAL_NAMES[name]
    return None
