"""The words of messages about commands, in English and Chinese."""

from __future__ import annotations


class JobLabels:
    """English."""

    no_output = "no output"
    no_success = "no success on record"

    def ended(self, status: int, killed_by: str) -> str:
        return f"killed by {killed_by}" if killed_by else f"exit status {status}"

    def in_a_row(self, failures: int) -> str:
        return f"{ordinal(failures)} failure in a row"

    def works_again(self, failures: int) -> str:
        return f"works again after {failures:,} {'failure' if failures == 1 else 'failures'}"

    def last_success(self, time: str) -> str:
        return f"last success {time}"

    def untold(self, failures: int) -> str:
        return f"{failures:,} more since the last message"


class ChineseJobLabels(JobLabels):
    """Chinese."""

    no_output = "无输出"
    no_success = "尚无成功记录"

    def ended(self, status: int, killed_by: str) -> str:
        return f"被 {killed_by} 终止" if killed_by else f"退出码 {status}"

    def in_a_row(self, failures: int) -> str:
        return f"连续第 {failures:,} 次失败"

    def works_again(self, failures: int) -> str:
        return f"失败 {failures:,} 次后恢复正常"

    def last_success(self, time: str) -> str:
        return f"上次成功 {time}"

    def untold(self, failures: int) -> str:
        return f"上一条消息之后另有 {failures:,} 次"


JOB_LABELS: dict[str, JobLabels] = {"en": JobLabels(), "zh": ChineseJobLabels()}


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th` …"""
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number:,}{ending}"
