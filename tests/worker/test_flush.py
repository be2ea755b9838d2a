"""What somebody who waits asks for."""

from __future__ import annotations

import pytest

from wecom_logging._worker import flush
from wecom_logging._worker.flush import FlushRequest


@pytest.mark.parametrize(("timeout", "kept"), [(0.5, 0.15), (3.0, 0.3), (5.0, 0.5), (40.0, 0.5)])
def test_an_exit_keeps_a_tenth_of_its_time_to_write_down_what_became_of_it(
    timeout: float, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flush, "monotonic", lambda: 100.0)
    request = FlushRequest(100.0 + timeout, 1, leaving=True, looking=False, ends=False)
    assert request.deadline - request.last_moment == pytest.approx(kept)
