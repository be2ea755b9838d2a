"""Secrets that their shape gives away, and all steps of redacting a text in their order.

Every pattern takes time in proportion to the text. Repetitions either cannot fail once they
have begun (they end at the end of the text, too, which also covers what was cut off there)
or are bounded, and no two neighbours in a pattern can match the same character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from wecom_logging._model.text import strip_hidden
from wecom_logging._runtime import lazy
from wecom_logging._runtime.values import NamedTuple

from . import digits, rows, shell, urls
from .findings import Findings, Secret
from .hints import Hints
from .keys import Rule, Rules, mask
from .places import end_of_mask, lowered, secrets_under

_SHORT, _MOST_CLEAN = 256, 1024
_OWN_MASK = mask("wecom secret")


class Redaction:
    """All that is done with a text according to some rules.

    Args:
        rules: None: nothing is looked for but what `own` finds.
        own: Finds our own secrets.
    """

    def __init__(self, rules: Rules | None, own: re.Pattern[str] | None = None) -> None:
        self.rules = rules
        self._own = own
        self._patterns = [(lazy.regex(each), each) for each in rules.patterns] if rules else []
        #: Short texts in which nothing was found: names of fields, lines of source code, frequent
        #: phrases; and those names of fields that say nothing about their value.
        self.clean: set[str] = set()
        self.plain: set[str] = set()

    def part(self, text: str, findings: Findings) -> str:
        """One text of an event, redacted as far as it says itself what is secret in it.

        Also without colours and invisible characters: they would tear a secret from its name.
        """
        if text in self.clean or not (self.rules or self._own):
            return text
        shown = strip_hidden(text)
        if self._own:
            shown = self._own.sub(_OWN_MASK, shown)
        if self.rules:
            shown = self._redacted(shown, self.rules, findings)
        if shown == text and len(text) <= _SHORT:
            if len(self.clean) >= _MOST_CLEAN:
                self.clean.clear()
                self.plain.clear()
            self.clean.add(text)
        return shown

    @lazy.cached
    def _hints(self) -> Hints:
        return _hints_of(self.rules.hints if self.rules else ())

    def _redacted(self, text: str, rules: Rules, findings: Findings) -> str:
        find, before = self._hints.find, text
        found, hits = find(lowered(text))
        if found or urls.may_occur(text):
            text = _by_hints(text, found, rules, findings)
            if text is not before:
                _, hits = find(lowered(text))
            text = findings.hide_all(text, secrets_under(text, hits, rules))
        if len(text) >= _SHORTEST_DOTTED and "." in text:
            text = findings.hide_all(text, _DOTTED.secrets(text))
        if rules.personal_data and digits.NUMBER.search(text):
            for kind in digits.KINDS:
                text = findings.hide_all(text, digits.numbers_in(text, kind))
        for pattern, source in self._patterns:
            matches = _matches(pattern, text, Rule("pattern"), source)
            # A pattern of the user's may match inside a mask, and inside the mask of that.
            secrets = (secret for secret in matches if not end_of_mask(text, secret[0]))
            text = findings.hide_all(text, secrets)
        return text


@lru_cache(maxsize=8)
def _hints_of(names: tuple[str, ...]) -> Hints:
    return Hints(names, {*_SHAPES, *shell.HINTS, *rows.HINTS})


def _by_hints(text: str, found: set[str], rules: Rules, findings: Findings) -> str:
    if urls.may_occur(text):
        text = findings.hide_all(text, urls.with_scheme(text))
        text = findings.hide_all(text, urls.without_scheme(text))
    for i in sorted({i for hint in found for i in _SHAPES.get(hint, ())}):
        text = findings.hide_all(text, _ALL[i].secrets(text))
    if not found.isdisjoint(shell.HINTS):
        text = findings.hide_all(text, shell.secrets_of_commands(text))
    if not found.isdisjoint(rows.HINTS):
        text = findings.hide_all(text, rows.secrets_in_rows(text, rules))
    return text


def _matches(pattern: re.Pattern[str], text: str, rule: Rule, why: str) -> Iterator[Secret]:
    """What the group `value` matches, or all of it if there is no such group."""
    group: str | int = "value" if "value" in pattern.groupindex else 0
    for match in pattern.finditer(text):
        if match[group]:
            yield *match.span(group), rule, why


class _Shape(NamedTuple):
    """A pattern that is looked for if one of `hints` (lower case) occurs at all. What it calls
    `value` is masked, or all of it."""

    label: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]

    def secrets(self, text: str) -> Iterator[Secret]:
        return _matches(self.pattern, text, Rule(self.label), f"{self.label} by its shape")


def _shape(label: str, hints: str, source: str, flags: int = 0) -> _Shape:
    return _Shape(label, tuple(hints.split("|")), lazy.regex(source, flags))


def _key(label: str, prefixes: str, body: str, shortest: int) -> _Shape:
    """Keys that a provider begins with a prefix so that they can be recognised.

    At the end of a text a part with a digit is enough: the rest may have been cut off.
    """
    hints = prefixes.replace("\\", "").lower()
    cut_off = rf"(?={body}{{4,}}\Z)(?=\D{{0,99}}\d){body}+"
    pattern = rf"(?<![0-9A-Za-z])(?:{prefixes})(?:{body}{{{shortest},}}|{cut_off})"
    return _shape(label, hints, pattern, re.A)


_KEYS_OF_PROVIDERS = [
    _key("aws key", "AKIA|ASIA|AROA|AIDA|ABIA|ACCA", "[A-Z0-9]", 16),
    _key("github token", "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_", r"\w", 20),
    _key("gitlab token", "glpat-|gldt-|glrt-|glptt-|glcbt-|glft-|glsoat-|gloas-|glagent-",
         r"[\w.-]", 16),
    _key("slack token", "xoxa-|xoxb-|xoxe-|xoxo-|xoxp-|xoxr-|xoxs-|xapp-", r"[\w.-]", 10),
    _key("slack webhook", r"hooks\.slack\.com/", r"[\w/-]", 10),
    _key("stripe key", "sk_live_|sk_test_|rk_live_|rk_test_|whsec_", r"\w", 10),
    _key("api key", "sk-proj-|sk-ant-|sk-svcacct-|sk-admin-|sk-or-", r"[\w-]", 16),
    _key("api key", "sk-|gsk_|r8_|pplx-|xai-|fw_|csk-|jina_", "[A-Za-z0-9]", 20),
    _key("api key", "nvapi-|tvly-|lsv2_pt_|lsv2_sk_", r"[\w-]", 20),
    _key("google key", r"AIza|GOCSPX-|ya29\.|1//0", r"[\w-]", 20),
    _key("aliyun key", r"LTAI|STS\.N", "[A-Za-z0-9]", 12),
    _key("tencent cloud key", "AKID", r"[\w-]", 13),
    _key("baidu cloud key", "ALTAK", "[A-Za-z0-9]", 16),
    _key("volcengine key", "AKLT", "[A-Za-z0-9]", 20),
    _key("npm token", "npm_", "[A-Za-z0-9]", 30),
    _key("pypi token", "pypi-", r"[\w-]", 50),
    _key("docker token", "dckr_pat_|dckr_oat_", r"[\w-]", 16),
    _key("hugging face token", "hf_|api_org_", "[A-Za-z0-9]", 30),
    _key("vault token", r"hvs\.|hvb\.|hvr\.", r"[\w-]", 20),
    _key("sendgrid key", r"SG\.", r"[\w.-]", 40),
    _key("brevo key", "xkeysib-|xsmtpsib-", r"[\w-]", 30),
    _key("mailgun key", "key-", "[0-9a-f]", 32),
    _key("twilio key", "SK", "[0-9a-f]", 32),
    _key("digitalocean token", "dop_v1_|doo_v1_|dor_v1_", "[0-9a-f]", 30),
    _key("shopify token", "shpat_|shpca_|shppa_|shpss_", "[0-9a-fA-F]", 20),
    _key("square token", "sq0atp-|sq0csp-|EAAAE", r"[\w-]", 20),
    _key("facebook token", "EAACEdEose0cBA|EAAB", "[A-Za-z0-9]", 30),
    _key("databricks token", "dapi", "[0-9a-f]", 32),
    _key("doppler token", r"dp\.pt\.|dp\.st\.", r"[\w.]", 20),
    _key("grafana token", "glsa_|glc_", r"[\w=+/]", 20),
    _key("new relic key", "NRAK-|NRJS-|NRII-", r"[\w-]", 16),
    _key("postman key", "PMAK-", r"[\w-]", 20),
    _key("planetscale token", "pscale_tkn_|pscale_pw_|pscale_oauth_", r"[\w.-]", 20),
    _key("pulumi token", "pul-", "[0-9a-f]", 40),
    _key("rubygems token", "rubygems_", "[0-9a-f]", 30),
    _key("sentry token", "sntrys_|sntryu_", r"[\w=+/]", 20),
    _key("supabase key", "sbp_|sb_secret_", r"\w", 20),
    _key("circleci token", "CCIPAT_|CCIPRJ_", r"\w", 20),
    _key("atlassian token", "ATATT3x|ATCTT3x|ATBB", r"[\w=-]", 20),
    _key("linear key", "lin_api_|lin_oauth_", r"\w", 20),
    _key("notion token", "ntn_|secret_", "[A-Za-z0-9]", 40),
    _key("figma token", "figd_", r"[\w-]", 20),
    _shape("airtable token", "pat", r"(?<![0-9A-Za-z])pat[A-Za-z0-9]{14}\.[0-9a-f]{32,}", re.A),
    _key("terraform token", r"atlasv1\.", r"[\w-]", 40),
    _key("heroku key", "HRKU-", r"[\w-]", 30),
    _key("mapbox token", r"sk\.eyJ", r"[\w.-]", 20),
    _key("age key", "AGE-SECRET-KEY-1", "[A-Z0-9]", 20),
    _key("dynatrace token", r"dt0c01\.", r"[A-Z0-9.]", 24),
    _key("jfrog key", "AKCp|cmVmdGtu", "[A-Za-z0-9]", 40),
    _key("shippo token", "shippo_live_|shippo_test_", "[0-9a-f]", 30),
    _key("typeform token", "tfp_", r"[\w-]", 30),
    _key("prefect token", "pnu_", "[A-Za-z0-9]", 30),
    _key("readme token", "rdme_", "[a-z0-9]", 50),
    _key("buildkite token", "bkua_", "[0-9a-f]", 30),
    _key("dingtalk secret", "SEC", "[0-9a-f]", 50),
    _key("serverchan key", "SCT|SCU|sctp", "(?=[A-Za-z]{0,9}[0-9])[A-Za-z0-9]", 24),
    _key("feishu webhook", r"open-apis/bot/v2/hook/", r"[\w-]", 8),
    _key("discord webhook", r"discord\.com/api/webhooks/|discordapp\.com/api/webhooks/",
         r"[\w/-]", 8),
    _key("teams webhook", r"webhook\.office\.com/webhookb2/", r"[\w/@-]", 20),
    _key("webhook", r"hooks\.zapier\.com/hooks/catch/|maker\.ifttt\.com/trigger/|api\.day\.app/",
         r"[\w/-]", 16),
    # The base64 of what a private key begins with.
    _key("private key", "LS0tLS1CRUdJTiBQUklWQVRF|LS0tLS1CRUdJTiBSU0Eg|LS0tLS1CRUdJTiBFQyB"
         "|LS0tLS1CRUdJTiBPUEVOU1NI|LS0tLS1CRUdJTiBFTkNSWVBURUQg", "[A-Za-z0-9+/=]", 4),
    # Not within a run of its own characters: it would be read again from each `-eyJ` in it.
    _shape("jwt", "eyj", r"(?<![\w-])eyJ[\w-]{5,2000}\.[\w.-]+", re.A),
    _shape("telegram token", ":aa",
           r"(?<![0-9A-Za-z])(?:bot)?(?P<value>\d{8,10}:AA[\w-]{24,})", re.A),
    _shape("azure secret", "q~", r"(?<![\w.~-])[\w.~-]{3}\dQ~[\w.~-]{20,}", re.A),
    # A token that was cut off before its first dot is still a token.
    _shape("jwt", "eyj", r"(?<![0-9A-Za-z])eyJ[\w-]{8,}\Z", re.A),
    # What a password becomes: crypt, Django, Werkzeug, argon2, LDAP.
    _shape("password hash", "$",
        r"(?<![\w$])(?:\$(?:2[abxy]?|1|5|6|y|7|gy|apr1|P|H|argon2(?:id|i|d)|scrypt"
        r"|pbkdf2(?:-sha\d{1,3})?|sha1|md5)\$|(?:pbkdf2_sha(?:1|256)|bcrypt(?:_sha256)?|argon2|scrypt|md5|sha1)"
        r"\$|(?:pbkdf2:sha\d{1,3}|scrypt):\d[\d:]{0,24}\$)[\w$./+=,:-]{12,}", re.A),
    _shape("password hash", "{s|{m", r"\{(?:SSHA|SHA|SMD5|MD5)\d{0,3}\}[\w+/=]{16,256}"),
    # A line of ~/.pgpass.
    _shape("password", ":5432:|:5433:|:6432:|:*:",
        r"(?<![\w.*-])(?=[\w-]{0,64}[A-Za-z.*])[\w.*-]{1,128}:(?:\d{4,5}|\*):[\w*-]{1,64}:[\w*-]{1,64}"
        r":(?P<value>(?!\[redacted)[^\s:'\"]{4,128})"),
]  # fmt: skip

_NOTATIONS = [
    _shape("private key", "private key|private\\u0020key",
        r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?s:.*?)"
        r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|\Z)"),
    _shape("robot key", "webhook/send",
        r"webhook/send\\{0,4}\?(?:[\w-]{1,20}=[\w-]{0,40}&){0,5}key=(?P<value>[\w-]+)", re.I),
    # Prose goes on with a word; a token has a digit, an inner capital or is long.
    *(_shape(label, scheme,
        rf"\b(?i:{scheme})[ ]{{1,4}}(?P<value>(?=[A-Za-z._~+/-]{{0,512}}\d|"
        r"[\w.~+/-]{0,64}[a-z][A-Z]|[\w.~+/-]{32})[\w.~+/-]{8,}=*)", re.A)
      for scheme, label in (("bearer", "bearer token"), ("basic", "basic credentials"),
                            ("token", "token"), ("negotiate", "token"))),
    # A pair of user and password, in requests.
    _shape("credential", "auth",
        r"\b(?:auth\\{0,4}[\"']?\s?[=:]\s?[(\[](?=\s{0,4}\\{0,4}[\"'])|HTTP[A-Z][a-z]{1,9}Auth\(|BasicAuth\()"
        r"(?P<value>(?!\[redacted)[^()\[\]\n]{1,256})"),
    _shape("password", "identified by|password '|password \"",
        r"\b(?:identified (?:with [\w'\"]{1,40} )?by"
        r"|(?:role|user|with|encrypted|login) [\w \"]{0,80}?password)[ ]{1,4}(?P<quote>['\"])"
        r"(?P<value>(?!\[redacted)(?:[^'\"\\]|\\.|''|(?!(?P=quote))['\"])*)", re.I),
    # Protocols that have a word for it: FTP, IMAP, SMTP, Redis.
    _shape("password", "pass |login |auth ",
        r"(?:(?<![\w-])PASS |\bLOGIN [\w.@\"-]{1,64} |\bAUTH (?:PLAIN |LOGIN "
        r"|XOAUTH2 |[\w.-]{1,32} )?)\"?"
        r"(?P<value>(?=[^\s\"']{0,64}[0-9=])(?=[^\s\"']{0,64}[A-Za-z])[^\s\"'=,:()]{6,512}={0,2})(?![\w=(:])"),
]  # fmt: skip

# Keys without a prefix: of Zhipu, of Discord's robots.
_DOTTED = _shape(
    "api key",
    "",
    r"(?a)(?<![0-9A-Za-z])[0-9a-f]{32}\.[A-Za-z0-9]{16}(?![0-9A-Za-z])"
    r"|(?<![\w.-])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w.-])",
)
_SHORTEST_DOTTED = 49

#: In their order, where two would do; and which of them a hint stands for.
_ALL = [*_NOTATIONS, *_KEYS_OF_PROVIDERS]
_SHAPES: dict[str, list[int]] = {}
for _i, _each in enumerate(_ALL):
    for _hint in _each.hints:
        _SHAPES.setdefault(_hint, []).append(_i)
