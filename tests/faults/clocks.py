"""The machine's clock jumps by a day, forwards or backwards, at a random moment.

Processes load a small library before the C library's own functions, so that everything in them sees the
jump: Python, pyarrow and OpenSSL. The monotonic clock goes on, as it does on a real machine.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.faults.kills import kill_in
from tests.faults.outcome import Outcome

if TYPE_CHECKING:
    from tests.faults.bed import Bed

DAY = 86_400

SOURCE = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double after = -1, by;
static struct timespec begun;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("FAULT_CLOCK_AFTER");
    if (!text) return;
    by = atof(getenv("FAULT_CLOCK_BY"));
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &begun);
    after = atof(text);
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int code = syscall(SYS_clock_gettime, id, now);
    if (code == 0 && after >= 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        struct timespec passed;
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &passed);
        if (passed.tv_sec - begun.tv_sec + (passed.tv_nsec - begun.tv_nsec) / 1e9 >= after) now->tv_sec += by;
    }
    return code;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    int code = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return code;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""


def jumps(bed: Bed, random: Random, number: int) -> Outcome:
    """Lets the clock jump in a refresh that is killed later, and again in the one that continues it."""
    if not (compiler := shutil.which("cc")):
        return Outcome(skipped="there is no C compiler (cc) for the library that shifts the clock")
    library = _compiled(bed.folder, compiler)
    outcome, spans = Outcome(), bed.undisturbed.spans
    for _ in range(number):
        world = bed.world()
        for by in random.sample((-DAY, DAY), 2):
            clock = jump(library, random.uniform(0, sum(spans.values())), by)
            stage = random.choice([*spans][1:-1])
            seen = kill_in(world, stage, spans[stage], random, **clock)
            outcome.done[f"{'forwards' if by > 0 else 'backwards'}, then killed in {seen}"] += 1
        clock = jump(library, random.uniform(0, sum(spans.values())), random.choice((-DAY, DAY)))
        world.complete(**clock)
        outcome.compare(world, bed)
    return outcome


def jump(library: Path, after: float, by: int) -> dict[str, str]:
    """Environment of a process whose clock jumps.

    Args:
        library: that shifts it.
        after: seconds from the start of the process to the jump.
        by: seconds of the jump.
    """
    return {
        "LD_PRELOAD": str(library),
        "FAULT_CLOCK_AFTER": f"{after:.3f}",
        "FAULT_CLOCK_BY": str(by),
    }


def _compiled(folder: Path, compiler: str) -> Path:
    source, library = folder / "clock.c", folder / "clock.so"
    if not library.exists():
        source.write_text(SOURCE, encoding="utf-8")
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    return library
