"""Who a message goes to: user ids, parties and tags against the visible range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wecom_logging.simulator.config import App, SimulatorConfig
from wecom_logging.simulator.errcodes import Refusal, parameter

#: Field, most ids in it, errcode for more, errcode for something that is no list of ids.
_FIELDS = (
    ("touser", 1000, 40032, 40031),
    ("toparty", 100, 82002, 40066),
    ("totag", 100, 82003, 40068),
)


@dataclass(frozen=True)
class Recipients:
    """Members that can be reached, in the spelling of the corporation, each once."""

    users: tuple[str, ...]
    #: "invaliduser" and the like, for the answer.
    invalid: Mapping[str, str]
    #: As they were asked for.
    asked: Mapping[str, str]


def resolve(body: Mapping[str, Any], app: App, config: SimulatorConfig) -> Recipients:
    """The recipients that `body` asks for; a `Refusal` if there is nobody."""
    asked = {
        name: _ids(body.get(name), name, most, too_many, no_list, config)
        for name, most, too_many, no_list in _FIELDS
    }
    if not any(asked.values()):
        raise Refusal(82001)
    users, bad = _find(asked, _visible(app, config), config)
    bad["unlicenseduser"] = [user.lower() for user in users if user in config.unlicensed]
    told = config.switches.empty_invalid_fields
    invalid = {name: "|".join(ids) for name, ids in bad.items() if ids or told}
    if not users:
        raise Refusal(81013, **invalid)
    licensed = tuple(user for user in users if user not in config.unlicensed)
    written = {name: "|".join(ids) for name, ids in asked.items() if ids}
    return Recipients(licensed, invalid, written)


def _ids(
    value: object, name: str, most: int, too_many: int, no_list: int, config: SimulatorConfig
) -> list[str]:
    if name == "touser" and isinstance(value, list) and config.switches.touser_array == "accept":
        value = "|".join(str(each) for each in value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise Refusal(no_list)
    ids = [each.strip() for each in (value or "").split("|") if each.strip()]
    if len(ids) > most:
        raise Refusal(too_many)
    if any(len(each.encode("utf-8", "surrogatepass")) > 64 for each in ids):
        raise parameter(f"{name} exceed max length 64")
    if name != "touser" and not all(each.isdecimal() for each in ids):
        raise Refusal(no_list)
    return ids


def _visible(app: App, config: SimulatorConfig) -> dict[str, str]:
    """Members who can see the application, by lower-cased id: ids know no case."""
    allowed = None if app.visible is None else {user.lower() for user in app.visible}
    members = {user.lower(): user for user in config.users}
    return {key: user for key, user in members.items() if allowed is None or key in allowed}


def _find(
    asked: Mapping[str, list[str]], visible: Mapping[str, str], config: SimulatorConfig
) -> tuple[list[str], dict[str, list[str]]]:
    """Members who can see it, each once, and by field of the answer what stands for nobody."""
    bad: dict[str, list[str]] = {"invaliduser": [], "invalidparty": [], "invalidtag": []}
    if "@all" in asked["touser"]:
        return list(visible.values()), bad
    named: dict[str, list[tuple[str, Sequence[str]]]] = {
        "invaliduser": [(user, (user,)) for user in asked["touser"]],
        "invalidparty": [(each, config.parties.get(int(each), ())) for each in asked["toparty"]],
        "invalidtag": [(each, config.tags.get(int(each), ())) for each in asked["totag"]],
    }
    found: dict[str, None] = {}
    for field, groups in named.items():
        for each, users in groups:
            members = [visible[user.lower()] for user in users if user.lower() in visible]
            found.update(dict.fromkeys(members))
            if not members:
                bad[field].append(each.lower())
    return list(found), bad
