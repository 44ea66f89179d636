"""Times in turns, and what is made of them."""

from __future__ import annotations

import pytest

from mfpnet.runtimes.latency import interleaved_medians, interleaved_times, timing_of


def test_a_timing_is_of_the_order_of_its_runs() -> None:
    timing = timing_of([10.0, 30, 20, 50, 40])
    assert timing.median_ms == 30
    assert timing.p95_ms == pytest.approx(48)  # a fifth of the way back from 50 to 40
    assert timing.spread == pytest.approx((40 - 20) / 30)


def test_one_outlier_moves_neither_median_nor_spread() -> None:
    steady = [10.0] * 19
    assert timing_of([*steady, 1000]).median_ms == 10
    assert timing_of([*steady, 1000]).spread == 0


def test_the_runners_take_turns() -> None:
    order: list[str] = []
    runners = {name: (lambda name=name: order.append(name)) for name in "ab"}
    times = interleaved_times(runners, rounds=2, warmup=1)
    assert "".join(order) == "ababab"
    assert [len(values) for values in times.values()] == [2, 2]
    order.clear()
    interleaved_times(runners, rounds=2, warmup=1, again=True)
    assert "".join(order) == 3 * "aabb"


def test_a_run_before_the_timed_one_is_not_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("mfpnet.runtimes.latency.time.perf_counter", lambda: now[0])

    def run() -> None:
        now[0] += 0.25

    assert interleaved_times({"a": run}, rounds=2, warmup=0, again=True) == {"a": [250, 250]}
    assert interleaved_medians({"a": run}, rounds=3) == {"a": 250}
