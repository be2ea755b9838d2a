"""In which releases errors happen: of an app, of a group, of what is pending.

Releases are names that nobody can compare: the newer one is the one first seen later.
"""

from __future__ import annotations

from collections.abc import Iterable

from wecom_logging._model import schedule
from wecom_logging._stores.marks import GROUP_RELEASES, KNOWN_RELEASES, PENDING_RELEASES
from wecom_logging._stores.records import DigestEntry, Group, ReleaseSeen

#: Those of an app.
Known = dict[str, ReleaseSeen]

#: How exactly it is written down when a release was seen last, seconds.
SEEN_ABOUT = 3600.0


def note_app(known: Known, release: str, now: float) -> None:
    """Errors of a release have come."""
    seen = known.get(release)
    if seen is None or now - seen.last > SEEN_ABOUT:
        known[release] = ReleaseSeen(now if seen is None else seen.first, now)
    if len(known) > KNOWN_RELEASES:
        del known[min(known, key=lambda each: (known[each].last, each))]


def note_group(known: Known, group: Group, release: str, now: float, wait: float) -> None:
    """Errors of a release have come to a group.

    One that was over and comes with a release that it has not been seen in is news.
    """
    if release not in group.releases:
        if group.releases and group.track.again:
            schedule.hasten(group.track, now, wait)
            group.back_from = group.back_from or group.releases[-1]
        group.releases = oldest_first([*group.releases, release], known)
        if len(group.releases) > GROUP_RELEASES:
            del group.releases[1]  # the first one and the latest ones say the most
    if release not in group.pending_releases:
        pending = oldest_first([*group.pending_releases, release], known)
        group.pending_releases = pending[-PENDING_RELEASES:]
    silence = group.silence
    if silence is None or not silence.until_release or silence.until <= now:
        return
    if release in known and known[release].first > silence.since:
        silence.until, silence.ended, silence.release = now, "release", release


def put_back(known: Known, group: Group, part: DigestEntry) -> None:
    """What a message was to tell is pending again."""
    together = oldest_first({*group.pending_releases, *part.releases}, known)
    group.pending_releases = together[-PENDING_RELEASES:]
    group.back_from = part.back_from or group.back_from


def oldest_first(releases: Iterable[str], known: Known) -> list[str]:
    return sorted(releases, key=lambda each: (known[each].first if each in known else 0.0, each))
