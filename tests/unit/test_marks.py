"""What people do to groups, on every store: silenced, taken, quiet, undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.store_kits import KITS, Client, Kit, event, identity, kit, told
from wecom_logging._model.digest import Report
from wecom_logging._stores.marks import Act, KnownGroup
from wecom_logging._stores.protocol import Batch, Claim, Entry, Failure

HOUR = 3600.0


@pytest.fixture(params=KITS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    return kit(request.param, tmp_path, request)


@pytest.fixture
def client(place: Kit) -> Client:
    return Client(place)


_keys = iter(range(10**9))


def act(verb: Any, *ids: str, **more: Any) -> Act:
    seconds = HOUR if verb in ("silence", "quiet") else 0.0
    values = {
        "key": f"key {next(_keys)}", "who": "张三", "user": "zhangsan", "where": "web-1",
        "why": "deploy", "ids": ids, "seconds": seconds, **more,
    }  # fmt: skip
    return Act(verb, **values)


def group(client: Client, kind: str = "Timeout") -> KnownGroup:
    store: Any = client.store
    found: KnownGroup = next(each for each in store.groups().groups if each.type == kind)
    return found


def do(client: Client, verb: str, *kinds: str, **more: Any) -> Any:
    store: Any = client.store
    ids = [group(client, kind).id for kind in kinds]
    done = store.mark(act(verb, *ids, **more))
    assert done.ids == tuple(ids), done.refused
    return done


def told_once(client: Client, kind: str = "Timeout", count: int = 1, **more: Any) -> None:
    client.log(kind, count, **more)
    client.deliver()


def only(claim: Claim) -> Report:
    (report,) = (each for each in claim.digest.reports if each.state != "over")
    return report


def test_what_is_known(client: Client) -> None:
    client.log("Timeout", 3, samples=(event("payment 17 failed"),))
    known = group(client)
    assert known.state == "open"
    assert (known.count, known.pending, known.text) == (3, 3, "payment 17 failed")
    assert len(known.id) == 5
    client.deliver()
    assert group(client).pending == 0
    client.kit.advance(HOUR)
    assert group(client).state == "over"


def test_a_silence_is_told_at_its_end_with_all_that_came(client: Client) -> None:
    told_once(client)
    do(client, "silence", "Timeout")
    client.kit.advance(1800.0)
    client.log(count=20)
    wait = client.wait()
    assert wait is not None
    assert 0 < wait <= 1800.0
    assert (group(client).state, group(client).pending) == ("silenced", 20)
    waited, claim = client.until_due()
    assert waited == pytest.approx(1800.0, abs=3.0)
    assert told(claim) == {"Timeout silenced": 20}
    end = only(claim).silence
    assert end is not None
    assert (end.by, end.why, end.ended) == ("张三", "deploy", "")
    assert end.until - end.since == pytest.approx(HOUR, abs=0.01)
    client.store.settle(claim.id)
    assert group(client).state == "open"
    client.log(count=2)
    _, claim = client.until_due()
    assert told(claim) == {"Timeout still": 2}


def test_a_silence_in_which_nothing_came_is_told_as_well(client: Client) -> None:
    told_once(client)
    do(client, "silence", "Timeout")
    waited, claim = client.until_due()
    assert waited == pytest.approx(HOUR, abs=3.0)
    assert told(claim)["Timeout silenced"] == 0
    client.store.settle(claim.id)
    assert client.wait() is None


def test_a_silence_that_could_not_be_told_is_told_later(client: Client) -> None:
    told_once(client)
    do(client, "silence", "Timeout")
    client.log(count=5)
    _, claim = client.until_due()
    client.store.release(claim.id, Failure("connection refused", 5.0))
    _, claim = client.until_due()
    assert told(claim)["Timeout silenced"] == 5


def test_others_go_on_beside_a_silence(client: Client) -> None:
    told_once(client)
    do(client, "silence", "Timeout")
    client.log(count=5)
    client.log("Other", 2)
    _, claim = client.until_due()
    assert told(claim) == {"Other new": 2}
    client.store.settle(claim.id)
    assert client.ask(why="flush") is None or isinstance(client.ask(why="flush"), float)
    assert group(client).pending == 5


def test_unsilence_tells_at_once(client: Client) -> None:
    told_once(client)
    do(client, "silence", "Timeout")
    client.log(count=5)
    do(client, "unsilence", "Timeout")
    claim = client.claim()
    assert told(claim) == {"Timeout silenced": 5}
    assert only(claim).silence.ended == "undone"  # type: ignore[union-attr]  # there is one


def test_what_came_after_a_silence_was_not_silenced(client: Client) -> None:
    """Nothing had come in it: somebody has taken it back, and then it went on."""
    told_once(client)
    do(client, "silence", "Timeout")
    client.kit.advance(1.0)
    do(client, "unsilence", "Timeout")
    client.kit.advance(1.0)
    client.log(count=3)
    claim = client.deliver()
    assert told(claim) == {"Timeout still": 3}
    assert only(claim).silence.ended == "undone"  # type: ignore[union-attr]  # there is one
    client.kit.advance(1.0)
    client.log()
    assert only(client.deliver()).silence is None, "told once"


def test_a_surge_after_a_silence_is_news(client: Client) -> None:
    """It did not come in it: nobody knows of it who has taken the silence back."""
    told_once(client)
    known_at = group(client).news_at
    do(client, "silence", "Timeout")
    client.kit.advance(60.0)
    do(client, "unsilence", "Timeout")
    client.kit.advance(60.0)
    client.log(count=500)
    client.deliver()
    news_at = group(client).news_at
    assert known_at is not None
    assert news_at is not None
    assert news_at > known_at + 60.0


@pytest.mark.parametrize("rate", [6, 60, 600])
def test_a_steady_storm_stays_silenced_and_one_twelve_times_as_large_does_not(
    place: Kit, rate: int
) -> None:
    client = Client(place)
    told_once(client, count=rate)
    for _ in range(5):
        client.kit.advance(60.0)
        client.log(count=rate)
        client.ask()
    do(client, "silence", "Timeout", seconds=4 * HOUR)
    for _ in range(90):
        client.kit.advance(60.0)
        client.log(count=rate)
    assert group(client).state == "silenced"
    minutes = 0
    while group(client).state == "silenced":
        client.kit.advance(60.0)
        client.log(count=12 * rate)
        minutes += 1
    assert minutes <= 5
    store: Any = client.store
    _, claim = client.until_due(why="flush")
    store.settle(claim.id)
    _, claim = (0, claim) if "Timeout silenced" in told(claim) else client.until_due()
    assert only(claim).silence.ended == "storm"  # type: ignore[union-attr]  # there is one


def test_taken_tells_seldom_and_says_who(client: Client) -> None:
    told_once(client)
    do(client, "take", "Timeout")
    client.log()
    waited, claim = client.until_due()
    assert waited == pytest.approx(HOUR, abs=3.0)
    assert only(claim).taken.by == "张三"  # type: ignore[union-attr]  # there is one
    client.store.settle(claim.id)
    client.log()  # for it has been over
    do(client, "take", "Timeout", who="李四", user="lisi")
    assert group(client).taken_by == "李四"
    do(client, "untake", "Timeout")
    assert group(client).taken_by == ""
    client.log()
    waited, claim = client.until_due()
    assert waited < HOUR / 2


def test_what_a_message_has_called_over_is_over(client: Client) -> None:
    """It told the last errors as well, and a pause begins with it all the same."""
    told_once(client)
    do(client, "take", "Timeout")
    client.log()
    _, claim = client.until_due()
    assert [report.state for report in claim.digest.reports] == ["still", "over"]
    client.store.settle(claim.id)
    known = group(client)
    assert known.state == "over"
    assert known.over_since is not None
    assert known.over_since - known.last == pytest.approx(HOUR, abs=5.0), "not after the pause"
    client.kit.advance(1200.0)
    assert group(client).over_since == pytest.approx(known.over_since, abs=5.0)
    client.log()
    assert group(client).state == "open"
    assert [report.state for report in client.deliver().digest.reports] == ["again"]


def test_taken_lapses_and_that_is_told(client: Client) -> None:
    told_once(client)
    do(client, "take", "Timeout")
    for _ in range(8 * 12 + 1):
        client.kit.advance(300.0)
        client.log()
    claim = client.deliver()
    assert only(claim).taken.lapsed  # type: ignore[union-attr]  # there is one
    client.log()
    assert only(client.deliver()).taken is None


def test_being_over_ends_taken(client: Client) -> None:
    told_once(client)
    do(client, "take", "Timeout")
    client.kit.advance(3 * HOUR)
    client.log()
    assert group(client).taken_by == ""


def test_quiet_tells_what_cannot_wait_and_the_rest_at_its_end(client: Client) -> None:
    told_once(client)
    do(client, "quiet")
    client.log("Small", 20)
    client.log(count=3)
    client.log("Worse", 1, level="critical")
    assert told(client.deliver()) == {"Worse new": 1}
    client.log("Storm", 100)
    claim = client.deliver()
    assert told(claim) == {"Storm new": 100}
    assert claim.digest.quiet is None
    waited, claim = client.until_due()
    assert waited == pytest.approx(HOUR, abs=60.0)
    reports = {r.identity.type: r.count for r in claim.digest.reports if r.count}
    assert reports == {"Small": 20, "Timeout": 3}
    since, until = claim.digest.quiet  # type: ignore[misc]  # it was quiet
    assert until - since == pytest.approx(HOUR, abs=0.01)
    client.store.settle(claim.id)
    client.log("Later")
    assert client.deliver().digest.quiet is None


@pytest.mark.parametrize("ended", [True, False])
def test_a_quiet_in_which_nothing_had_to_wait_is_not_spoken_of(client: Client, ended: bool) -> None:
    told_once(client)
    do(client, "quiet", seconds=60.0)
    client.log("Worse", 1, level="critical")
    assert told(client.deliver()) == {"Worse new": 1}
    if ended:
        do(client, "unquiet")
    client.kit.advance(61.0)
    client.log("Later")
    assert client.deliver().digest.quiet is None


def test_what_a_group_says_is_what_messages_say(client: Client) -> None:
    """Not a framework's sentence; of a job and of a crowd each error is another."""
    raised = event("Exception in ASGI application")
    asgi = identity("Timeout")._replace(text="card declined")
    job = identity("Nightly")._replace(text="the first failure", job=True)
    entries = (Entry(asgi, 1, (raised,)), Entry(job, 1, (event("the latest failure"),)))
    client.ask(Batch("web-1/1/a", 1, entries))
    assert group(client).text == "card declined"
    assert group(client, "Nightly").text == "the latest failure"


def test_unquiet(client: Client) -> None:
    told_once(client)
    do(client, "quiet")
    client.log("Small", 20)
    do(client, "unquiet")
    client.kit.advance(20.0)
    assert told(client.claim()) == {"Small new": 20}


def test_refusals(client: Client) -> None:
    store: Any = client.store
    told_once(client)
    client.log("Worse", level="critical")
    number, worse = group(client).id, group(client, "Worse").id
    assert store.mark(act("silence", "99999")).refused == {"99999": "unknown"}
    done = store.mark(act("silence", worse, number, seconds=2 * HOUR))
    assert (done.ids, done.refused) == ((number,), {worse: "too long"})
    assert store.mark(act("silence", worse)).ids == (worse,)
    assert store.mark(act("untake", number)).refused == {number: "nothing"}
    assert store.mark(act("silence", number, seconds=8 * 24 * HOUR)).refused == {number: "too long"}


def test_the_same_act_twice_is_done_once(client: Client) -> None:
    store: Any = client.store
    told_once(client)
    first = act("silence", group(client).id)
    store.mark(first)
    until = group(client).silenced_until
    client.kit.advance(60.0)
    assert store.mark(first._replace(seconds=2 * HOUR)).ids == first.ids
    assert group(client).silenced_until == pytest.approx(until, abs=0.1)
    assert [each.act.key for each in store.acts()] == [first.key]


def test_undo_of_each(client: Client) -> None:
    store: Any = client.store
    told_once(client)

    def undo(user: str = "zhangsan") -> Any:
        return store.undo(act("undo", user=user), 600.0)

    do(client, "silence", "Timeout")
    do(client, "take", "Timeout", who="李四", user="lisi")
    assert undo().act.verb == "silence"
    assert group(client).silenced_until is None
    assert undo() is None
    assert group(client).taken_by == "李四"
    do(client, "take", "Timeout")
    undo()
    assert group(client).taken_by == "李四"
    do(client, "untake", "Timeout")
    undo()
    assert group(client).taken_by == "李四"
    do(client, "quiet")
    assert store.groups().quiet_until
    undo()
    assert store.groups().quiet_until is None
    do(client, "silence", "Timeout")
    client.kit.advance(601.0)
    assert undo() is None
    do(client, "unsilence", "Timeout")
    assert undo().act.verb == "unsilence"


@pytest.mark.parametrize("verb", ["undo", "unsilence"])
def test_a_silence_that_is_taken_back_makes_no_news(client: Client, verb: str) -> None:
    """What was known before it is not new after it, though a burst has come meanwhile."""
    store: Any = client.store
    told_once(client)
    known_at = group(client).news_at
    client.kit.advance(60.0)
    do(client, "silence", "Timeout")
    client.log(count=30)
    if verb == "undo":
        store.undo(act("undo"), 600.0)
    else:
        do(client, "unsilence", "Timeout")
    client.deliver()
    assert group(client).pending == 0
    assert group(client).news_at == pytest.approx(known_at, abs=1.0)


def test_what_nobody_was_told_of_is_news_after_a_silence(client: Client) -> None:
    client.log()
    do(client, "silence", "Timeout")
    do(client, "unsilence", "Timeout")
    client.deliver()
    assert group(client).news_at is not None


@pytest.mark.parametrize("verb", ["silence", "take", "quiet"])
def test_undone_is_ones_own_and_not_what_another_has_done_since(client: Client, verb: str) -> None:
    store: Any = client.store
    told_once(client)

    def do_as(user: str) -> None:
        do(client, verb, *(() if verb == "quiet" else ("Timeout",)), who=user, user=user)
        client.kit.advance(1.0)

    def stands() -> str:
        each = group(client)
        marks = {"silence": each.silenced_by, "take": each.taken_by}
        return str({**marks, "quiet": store.groups().quiet_by}[verb])

    do_as("lisi")
    do_as("zhangsan")
    do_as("wangwu")
    assert store.undo(act("undo", user="lisi"), 600.0) is not None
    assert stands() == "wangwu"
    assert store.undo(act("undo", user="wangwu"), 600.0) is not None
    assert stands() == "zhangsan"
    # Not back to what was taken back already.
    assert store.undo(act("undo", user="zhangsan"), 600.0) is not None
    assert stands() == ""


def test_apps_and_when_something_was_written(client: Client) -> None:
    store: Any = client.store
    assert store.groups().written is None
    client.log()
    client.deliver()
    assert store.groups().written is not None
    assert store.apps() == (("shop", "prod"),)


def test_a_silence_holds_for_another_process(place: Kit) -> None:
    first, second = Client(place), Client(place, "web-2/2/b")
    told_once(first)
    do(first, "silence", "Timeout")
    second.log(count=7)
    wait = second.wait()
    assert wait is None or wait > 1000.0 or place.shared
    assert group(second).pending == 7


def test_a_silence_outlives_what_would_be_forgotten(client: Client) -> None:
    told_once(client)
    do(client, "silence", "Timeout", seconds=5 * 24 * HOUR)
    for _ in range(4):
        client.kit.advance(24 * HOUR)
        client.ask()
    assert group(client).state == "silenced"


def test_what_is_held_in_memory_is_told_at_exit(tmp_path: Path) -> None:
    from tests.helpers.store_kits import MemoryKit

    client = Client(MemoryKit())
    told_once(client)
    do(client, "silence", "Timeout")
    client.log(count=4)
    claim = client.claim(why="flush", leaving=True)
    assert told(claim) == {"Timeout silenced": 4}


def test_the_account_says_what_is_held(client: Client) -> None:
    told_once(client)
    client.log(count=2)
    assert client.store.account(client.source).held == 0
    do(client, "silence", "Timeout")
    client.log(count=3)
    client.log("Other")
    assert client.store.account(client.source).held == 5
    do(client, "unsilence", "Timeout")
    assert client.store.account(client.source).held == 0
