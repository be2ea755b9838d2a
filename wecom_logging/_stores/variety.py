"""How many groups one call site has in a store, whichever processes have made them."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TypeVar

from wecom_logging._model.digest import Identity
from wecom_logging._stores.records import Allowance, Crowd
from wecom_logging._stores.state import State

T = TypeVar("T")

#: New texts are news of a crowd so often in so many seconds, and so many of them are remembered.
CROWD_NEWS, CROWD_NEWS_FOR = 10, 3600.0
MAX_HEARD = 64


def enter(state: State, identity: Identity) -> None:
    """A group has been made."""
    if identity.site:
        state.sites[identity.site] = state.sites.get(identity.site, 0) + 1
    if (found := identity.allowance) is not None:
        key, _ = found
        allowance = state.allowances.get(key) or Allowance()
        allowance.groups = [*allowance.groups, identity.id]
        state.allowances[key] = allowance


def leave(state: State, identity: Identity) -> None:
    """A group has gone."""
    if identity.site and (left := state.sites.pop(identity.site, 1) - 1) > 0:
        state.sites[identity.site] = left
    if identity.allowance is not None:
        key, _ = identity.allowance
        allowance = state.allowances.pop(key, None) or Allowance()
        allowance.groups = [each for each in allowance.groups if each != identity.id]
        if allowance.groups:
            state.allowances[key] = allowance


def recount(state: State) -> None:
    """Count anew: groups that cannot be read any more are counted, others may not be."""
    sites, allowances = dict[str, int](), dict[str, list[str]]()
    for group in state.groups.values():
        if group.identity.site:
            sites[group.identity.site] = sites.get(group.identity.site, 0) + 1
        if group.identity.allowance is not None:
            allowances.setdefault(group.identity.allowance[0], []).append(group.identity.id)
    for site in {*sites, *state.sites}:
        if sites.get(site) != state.sites.get(site):
            _put(state.sites, site, sites.get(site))
    for key in {*allowances, *state.allowances}:
        there, known = allowances.get(key, []), state.allowances.get(key)
        if known is None or sorted(known.groups) != sorted(there) or known.full_until:
            _put(state.allowances, key, Allowance(there) if there else None)  # and look anew


def _put(records: MutableMapping[str, T], key: str, record: T | None) -> None:
    if record is None:
        records.pop(key, None)
    else:
        records[key] = record


def is_news(crowd: Crowd, group_id: str, news: bool, now: float) -> bool:
    """Whether a crowd says something new: somebody whom it has not heard lately, or who has
    new words; ten times an hour at most."""
    if group_id not in crowd.heard:
        crowd.heard = [*crowd.heard, group_id][-MAX_HEARD:]
        news = True
    if news and now >= crowd.until:
        crowd.left, crowd.until = CROWD_NEWS, now + CROWD_NEWS_FOR
    if news:
        crowd.left -= 1
    return news and crowd.left >= 0
