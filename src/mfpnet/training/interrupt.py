"""Ctrl-C that waits for the step to end, so that what is saved is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class StopRequest:
    """Set when the user asked to stop."""

    asked: bool = False


@contextmanager
def catch_stop(on_request: Callable[[], object]) -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; the second one interrupts as usual.

    `on_request` is called with the first one, to tell the user that it was heard.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python delivers signals to the main thread only
        return

    def remember(number: int, frame: FrameType | None) -> None:
        if request.asked:
            raise KeyboardInterrupt
        request.asked = True
        on_request()

    previous = {number: signal.signal(number, remember) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
