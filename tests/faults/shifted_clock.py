"""A process whose clock is hours off, as one on a machine without time synchronisation. The machine's own clock stays.

A small library, which the C compiler of this machine makes, is loaded before the C library (LD_PRELOAD) and shifts what
the process reads of the real-time clock. Python and the libraries of Temporal read it there.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long ahead(void) {
    const char *seconds = getenv("CLOCK_AHEAD_SECONDS");
    return seconds ? atol(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *found) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(clock, found);
    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) found->tv_sec += ahead();
    return code;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone) {
    struct timespec now;
    int code = clock_gettime(CLOCK_REALTIME, &now);
    if (code == 0 && found) { found->tv_sec = now.tv_sec; found->tv_usec = now.tv_nsec / 1000; }
    return code;
}

time_t time(time_t *found) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}
"""


def clock_library(folder: Path) -> Path:
    """Skips the test where there is no C compiler, or no Linux."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("processes with clocks that are off: there is no C compiler (cc) to make the library")
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(SOURCE, encoding="utf-8")
    made = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return library


def shifted(library: Path, seconds: int) -> dict[str, str]:
    """For the environment of a process."""
    return {"LD_PRELOAD": str(library), "CLOCK_AHEAD_SECONDS": str(seconds)}
