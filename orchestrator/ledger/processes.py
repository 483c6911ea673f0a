"""Processes that take work off this one, for as long as it lives."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait


def started_processes(count: int) -> ProcessPoolExecutor:
    """They are started at the first work, as new interpreters: this process has threads, which forking does not copy.
    They end with this process, also if it is killed: otherwise they would wait for work for ever."""
    return ProcessPoolExecutor(count, get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    threading.Thread(target=_wait_for_its_end, daemon=True).start()


def _wait_for_its_end() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
