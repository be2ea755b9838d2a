"""A few texts for each reader in every run; `make fuzz` takes minutes."""

from __future__ import annotations

import random

import pytest

import tests.fuzz.__main__ as fuzz
from tests.fuzz.__main__ import mutant, shortest, trouble
from tests.fuzz.readers import READERS, Reader


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_nothing_breaks_a_reader(reader: Reader) -> None:
    chance = random.Random(reader.name)
    texts = [*reader.seeds[:3], *(mutant(chance, reader.seeds[0], reader.seeds) for _ in range(5))]
    assert [text for text in texts if trouble(reader, text)] == []


def test_what_breaks_one_is_found_and_cut_short() -> None:
    def read(text: str) -> None:
        if "x" in text and "y" in text:
            raise KeyError(text)

    reader = Reader("fragile", read, ("a-x-b-y-c",), (ValueError,))
    assert "KeyError" in trouble(reader, "a-x-b-y-c")
    assert sorted(shortest(reader, "a-x-b-y-c")) == ["x", "y"]
    assert trouble(Reader("says so", read, (), (KeyError,)), "xy") == ""


def test_the_seed_is_printed_first_and_with_what_was_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(text: str) -> None:
        said.append(capsys.readouterr().out)
        raise KeyError

    said: list[str] = []
    monkeypatch.setattr(fuzz, "READERS", (Reader("fragile", read, ("a",), (ValueError,)),))
    assert fuzz.main(["--minutes", "0.001", "--seed", "7"]) == 1
    before, after = said[:2]
    assert before == "seed 7\n"
    assert after.startswith("seed 7: fragile: Traceback")
