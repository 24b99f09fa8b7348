"""Simulated time: order, re-arming, cancelling, and running on from inside an event."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heartlog._boards.virtual.models.kernel import Kernel


@given(st.lists(st.integers(0, 50), max_size=40), st.data())
def test_events_run_in_order_of_time_then_of_asking(times: list[int], data: st.DataObject) -> None:
    kernel = Kernel()
    ran: list[tuple[int, int]] = []
    events = [
        kernel.at(t, lambda t=t, n=n: ran.append((kernel.now, n))) for n, t in enumerate(times)
    ]
    cancelled = data.draw(st.sets(st.integers(0, max(0, len(times) - 1)))) if times else set()
    for n in cancelled:
        kernel.cancel(events[n])
        kernel.cancel(events[n])  # once more is no error
    expected = sorted((t, n) for n, t in enumerate(times) if n not in cancelled)
    assert kernel.next_time() == (expected[0][0] if expected else None)
    kernel.run_until(20)
    assert ran == [e for e in expected if e[0] <= 20]
    assert kernel.now == 20
    kernel.run_until(100)
    assert ran == expected
    assert kernel.now == 100
    assert not any(event.armed for event in events)


def test_a_periodic_event_rearms_itself() -> None:
    kernel = Kernel(now=1000)
    seen: list[int] = []

    def tick() -> None:
        seen.append(kernel.now)
        kernel.rearm(event, event.t + 4000)

    event = kernel.after(4000, tick)
    kernel.advance(20000)
    assert seen == [5000, 9000, 13000, 17000, 21000]
    kernel.rearm(event, 22000)  # it is armed: it moves
    kernel.advance(1000)
    assert seen[-1] == 22000


def test_time_runs_on_inside_an_event_and_never_back() -> None:
    kernel = Kernel()
    seen: list[str] = []

    def slow() -> None:
        seen.append("slow begins")
        kernel.advance(50)
        seen.append(f"slow ends at {kernel.now}")

    kernel.at(10, slow)
    kernel.at(30, lambda: seen.append(f"quick at {kernel.now}"))
    kernel.at(70, lambda: seen.append(f"last at {kernel.now}"))
    kernel.run_until(40)
    assert seen == ["slow begins", "quick at 30", "slow ends at 60"]
    assert kernel.now == 60
    kernel.at(5, lambda: seen.append(f"late at {kernel.now}"))
    kernel.run_until(60)
    assert seen[-1] == "late at 60"
    kernel.run_until(80)
    assert seen[-1] == "last at 70"
