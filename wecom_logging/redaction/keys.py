"""Which names announce a secret or personal data: the value of `X-Api-Key` is an "api key".

A name is read as words, however it is spelled: `dbPassword`, `DB_PASSWORD`, `db-password`,
`passWord`, `db[password]` and `ｐａｓｓｗｏｒｄ` say the same, `keyboard` and `author` do not, and
`password_min_length` speaks about passwords without being one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple

from . import personal

#: How a value must look for its name to be believed (`values.py`). A password can be any
#: word; a `token` is no count; a `pin` has a digit; a `sign` looks made by a machine; and
#: what is called `key` counts in the query of a URL only.
ANYTHING, VALUE, CODE, RANDOM, QUERY = "anything", "value", "code", "random", "query"


def mask(label: str) -> str:
    """What stands for something taken out. Labels are English; a renderer may translate."""
    return f"[redacted: {label}]"


class Rule(NamedTuple):
    """What a name says about its value."""

    label: str
    #: Shows a part of the value; None: it is a secret, and nothing is shown.
    partly: Callable[[str], str] | None = None
    needs: str = ANYTHING

    @property
    def secret(self) -> bool:
        return self.partly is None

    def apply(self, value: str) -> str:
        return self.partly(value) if self.partly else mask(self.label)


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# --- the table ------------------------------------------------------------------------
# All names are written here without case and separators: `apikey` is `API_KEY` as well.


def _table(*rows: tuple[str, str, str]) -> dict[str, Rule]:
    rules = [(Rule(label, needs=needs), names.split()) for label, needs, names in rows]
    return {name: rule for rule, names in rules for name in names}


# Secret wherever they stand in a name, also as the end of a word (`dbpassword`).
_NOUNS = _table(
    ("password", ANYTHING, "password passwd passphrase passcode passwort kennwort contrasena"),
    ("password", ANYTHING, "pwd requirepass masterauth"),
    ("secret", ANYTHING, "secret"),
    ("api key", ANYTHING, "apikey"),
    ("access key", ANYTHING, "accesskey"),
    ("secret key", ANYTHING, "secretkey"),
    ("private key", ANYTHING, "privatekey privkey"),
    ("credential", ANYTHING, "credential creds dockerconfigjson"),
    ("authorization", ANYTHING, "authorization"),
    ("cookie", VALUE, "cookie"),
    ("session id", VALUE, "sessionid sessid sessionkey"),
)
_NOUN = lazy.regex(rf"({'|'.join(_NOUNS)})s?$")

# What kind of key is a secret: of a product, of a cipher, of somebody who pays with it.
_KEY_KINDS = (
    "account activation admin aes algolia amap anthropic apiclient apiv2 apiv3 auth azure bot"
    " cipher client consumer corp crypto dashscope datadog deepseek deploy des dev developer"
    " dsa ecdsa ed25519 encode encoding encodingaes encrypt encryption github gitlab hmac host"
    " ingest jwt licence license mailgun map maps master mch md5 merchant moonshot newrelic openai"
    " partner pay push qwen recovery robot root rsa sandbox sendgrid server service shared sign"
    " signature signing sm2 sm4 ssh ssl storage stripe subscription tls twilio wallet webhook"
    " write zhipu"
)

# Secret at the end of a name.
_ENDS = _NOUNS | _table(
    ("token", VALUE, "token jwt xsrf csrf"),
    ("token", RANDOM, "tokens pat"),
    ("private key", VALUE, "clientkeydata"),
    ("password", VALUE, "pass dbpass userpass mysqlpass smtppass"),
    ("password", VALUE, "storepass keypass ldappass rootpass"),
    ("password", ANYTHING, "pw dbpw rootpw userpw adminpw mysqlpw psw pswd"),
    ("password", ANYTHING, "passwds authpw mima onetimepassword"),
    ("one-time code", CODE, "otp totp otpcode smscode verifycode verificationcode captcha"),
    ("one-time code", CODE, "captchacode dynamiccode onetimecode twofactorcode mfacode"),
    ("one-time code", CODE, "securitycode authenticationcode recoverycode backupcode yanzhengma"),
    ("pin", CODE, "pin pincode userpin cardpin"),
    ("card code", ANYTHING, "cvv cvv2 cvc cvn cardcode"),
    ("authorization code", VALUE, "authcode authorizationcode preauthcode permanentcode"),
    ("authorization code", RANDOM, "accesscode"),
    ("ticket", VALUE, "jsapiticket suiteticket verifyticket apiticket cardticket"),
    ("ticket", QUERY, "ticket"),
    ("access key", VALUE, "accesskeyid secretaccesskey"),
    ("secret id", RANDOM, "secretid"),
    ("access key", RANDOM, "ak"),
    ("secret key", RANDOM, "sk"),
    ("app key", VALUE, "appkey"),
    ("seed phrase", VALUE, "mnemonic mnemonics seedphrase"),
    ("seed phrase", VALUE, "recoveryphrase secretphrase securityphrase"),
    ("security answer", ANYTHING, "securityanswer secretanswer passwordanswer"),
    ("credential", VALUE, "redisauth connectionauth basicauth httpauth proxyauth xauth smtpauth"),
    ("credential", RANDOM, "auth"),
    ("signature", RANDOM, "sign sig signature hmac paysign"),
    ("key in url", QUERY, "key code sid"),
    ("secret key", ANYTHING, " ".join(f"{kind}key" for kind in _KEY_KINDS.split())),
)
_CHINESE = _table(
    ("password", ANYTHING, "密码 口令 密保答案"),
    ("secret key", ANYTHING, "密钥 秘钥 密匙"),
    ("private key", ANYTHING, "私钥"),
    ("seed phrase", VALUE, "助记词"),
    ("token", VALUE, "令牌"),
    ("credential", VALUE, "凭证 凭据"),
    ("one-time code", CODE, "验证码 校验码 动态码 短信码 提取码 安全码 恢复码"),
    ("authorization code", CODE, "授权码"),
)

# A name that ends like this is about a secret, or about the lack of one.
_ABOUT = _set_of("""
    age alg algorithm arn at attempt attempts backend banner bits bytes change changed changes
    check checked class column consent cost count date days denied digits directory domain enabled
    encoding endpoint env error errors exception exceptions exists expired expires expiry failed
    failure field fields file files form format found grant hasher hashers header help hint history
    httponly id in index interval invalid issuer kid label left length level limit link lock locked
    lockout long manager max mechanism method min minutes mismatch missing mode name names ok page
    path policy present prompt provider quality rate reason ref reference remaining required
    requirements reset retries retry reuse rotation rounds rule rules samesite score screen seconds
    secure sent server service set short size source stage state status stdin store strategy
    strength table time timeout total ttl type types update updated updates uri url usage used user
    valid validation validator validators vault version weak
""")  # fmt: skip

# A name that ends like this says no more than what stands before.
_QUALIFIERS = _set_of("""
    b64 base64 confirm confirmation current dev encrypted hash hashed hex live md5 new old plain
    plaintext prod production raw sha1 sha256 staging str string test value
""")  # fmt: skip

# Tokens of a language model, a parser or a page are no secrets.
_NO_TOKEN = _set_of("""
    bos cached char completion cls continuation cursor end eos first input last lexer mask max min
    n next num number output pad page parse per prev previous prompt reasoning sep start stop sync
    syntax total unexpected unk used
""")  # fmt: skip

_PERSONAL = {
    name: rule
    for rule, names in (
        (Rule("name", personal.name),
         "realname fullname truename customername receivername recipientname consignee contactname"
         " buyername patientname firstname lastname cardholder cardholdername payeename payername"
         " accountholder 姓名 收货人 收件人 联系人 持卡人"),
        (Rule("address", personal.address),
         "address homeaddress shippingaddress deliveryaddress addr 地址 住址"),
        (Rule("e-mail", personal.email), "email mail emailaddress emails mailto 邮箱 电子邮件"),
        (Rule("phone", personal.phone),
         "phone mobile telephone tel cellphone phonenumber mobilenumber phoneno mobileno phonenum"
         " mobilephone msisdn 手机 手机号 手机号码 电话 电话号码 联系电话"),
        (Rule("identity card", personal.identity_number),
         "idcard idnumber idno identitycard idcardno idcardnumber identityno certno ssn passportno"
         " passportnumber 身份证 身份证号 身份证号码 护照号"),
        (Rule("bank card", personal.card_number),
         "bankcard cardnumber cardno bankaccount bankcardno pan iban 银行卡 银行卡号 卡号"
         " 银行账号"),
    )
    for name in names.split()
}  # fmt: skip
_PERSONAL_CHINESE = tuple(name for name in _PERSONAL if not name.isascii())

# A number under such a name is no telephone's (`rule_for` comes first: `phone_no` is one).
_COUNTED = _set_of("""
    amount balance batch bid build bytes checksum cid code count crc duration epoch fee gid hash id
    index inode job key length line lsn millis no ns num number offset oid order orderid orderno
    page pid port pos position price ref row rss seq sequence serial size sn span task ticket tid
    time timestamp total trace ts txid txn uid version vms waybill
""")  # fmt: skip
_COUNTED_CHINESE = tuple(_set_of("""
    编码 编号 订单 单号 会员号 用户号 工号 批号 商户号 凭证号 合同号 发票号 交易号 批次号 流水号
    运单 工单 流水 序号 批次 任务 金额 余额 总数 数量 合计 大小 主键 标识 单据 交易 ID id
"""))  # fmt: skip

#: What a name that matters contains, in lower case: a quick look before its words are read. Names
#: of two letters are in too many words, and are looked for with what follows them.
HINTS = (
    "pass", "pwd", "psw", "secret", "token", "key", "cred", "auth", "cookie", "sess", "jwt", "otp",
    "cvv", "cvc", "cvn", "code", "sig", "ticket", "hmac", "mnemonic", "phrase", "pin", "answer",
    "captcha", "sid", "srf", "kennwort", "contrase", "mima", "dockerconfig", "yanzhengma",
    *(f"{short}{sign}" for short in ("ak", "sk", "pw", "pat") for sign in "=:\"']：＝ "),
    *_CHINESE, *{f"\\u{ord(name[0]):04x}" for name in _CHINESE},
)  # fmt: skip
PERSONAL_HINTS = (
    "name", "addr", "mail", "phone", "mobile", "tel", "card", "consignee", "idn", "id_n", "id-n",
    "identity", "cert", "bank", "msisdn", "ssn", "passport", "pan", "iban", "holder",
    *_PERSONAL_CHINESE,
)  # fmt: skip


# --- names as words -------------------------------------------------------------------

_WORDS = lazy.regex(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[\u4e00-\u9fff]+")
_ESCAPED = lazy.regex(r"\\+u([0-9a-fA-F]{4})")
_MARKS = lazy.regex("[\u0300-\u036f]")

#: Characters at the end of a name that are read: they say what it is.
LONGEST_NAME = 128


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """A name's words in lower case: `("db", "password")`."""
    name = name[-LONGEST_NAME:]
    if "\\" in name:
        name = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), name)
    if not name.isascii():
        name = _MARKS.sub("", unicodedata.normalize("NFKD", name))
    return tuple(word.lower() for word in _WORDS.findall(name))


def is_counted(name: str) -> bool:
    """Whether a name says of a number that it counts or identifies something."""
    last = words_of(name)[-1:]
    return bool(last) and (last[0] in _COUNTED or last[0].endswith(_COUNTED_CHINESE))


class Rules:
    """What is looked for: what is known here, and what a user adds and excepts.

    Args:
        personal_data: Whether personal data are shown in part only.
        names: More names of secrets; also as the end of longer ones.
        patterns: Regular expressions of what shall be masked wherever it stands.
        keep: Names whose values are shown whatever they are called.
    """

    def __init__(
        self,
        personal_data: bool = True,
        names: Sequence[str] = (),
        patterns: Sequence[str] = (),
        keep: Sequence[str] = (),
    ) -> None:
        self.personal_data = personal_data
        self.patterns = patterns
        self._named = {words_of(name): name for name in names}
        self._kept = frozenset(map(words_of, keep))
        own_hints = tuple(max(words, key=len) for words in self._named if words)
        self.hints: tuple[str, ...] = HINTS + (PERSONAL_HINTS if personal_data else ()) + own_hints
        #: The rule for the value of a name, or None if it says nothing special.
        self.rule_for: Callable[[str], Rule | None] = lru_cache(maxsize=4096)(self._rule_for)

    def is_kept(self, name: str) -> bool:
        return bool(self._kept) and words_of(name) in self._kept

    def _rule_for(self, name: str) -> Rule | None:
        words = words_of(name)
        if not words or words in self._kept:
            return None
        for own, label in self._named.items():
            if words[-len(own) :] == own:
                return Rule(label)
        while len(words) > 1 and (words[-1].isdigit() or words[-1] in _QUALIFIERS):
            words = words[:-1]
        return _secret(words) or (_personal(words) if self.personal_data else None)


#: What `redact=True` and `redact="secrets"` look for.
EVERYTHING = Rules()
SECRETS = Rules(personal_data=False)


def _secret(words: Sequence[str]) -> Rule | None:
    last = words[-1]
    for name, rule in _CHINESE.items():
        if last.endswith(name):
            return rule
    found = _ending(words, _ENDS)
    if found and found.needs != QUERY:
        return None if found.label == "token" and not _NO_TOKEN.isdisjoint(words) else found
    if last in _ABOUT and not found:
        return None
    for word in ("".join(words), *words):
        if noun := _NOUN.search(word):
            return _NOUNS[noun[1]]
    return _ENDS["token"] if last.endswith("token") and _NO_TOKEN.isdisjoint(words) else found


def _ending(words: Sequence[str], table: Mapping[str, Rule]) -> Rule | None:
    """What the longest end of a name that is in the table says; also in the plural."""
    for start in range(max(0, len(words) - 5), len(words)):
        name = "".join(words[start:])
        if rule := table.get(name) or table.get(name.removesuffix("s")):
            return rule
    return None


def _personal(words: Sequence[str]) -> Rule | None:
    chinese = (_PERSONAL[name] for name in _PERSONAL_CHINESE if words[-1].endswith(name))
    return _ending(words, _PERSONAL) or next(chinese, None)
