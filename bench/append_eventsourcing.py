"""The anchor of `bench.append`: the library eventsourcing with its database functions, in a process of its own.

    python bench/append_eventsourcing.py CONNINFO WRITERS EVENTS

Each writer is a thread that saves one event at a time to an aggregate of its own. Prints events per second. The library
is no dependency of Offboard: the interpreter that runs this needs `pip install "eventsourcing[postgres]>=9.5"`.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def application(conninfo: str, writers: int) -> Any:
    known = importlib.import_module("psycopg.conninfo").conninfo_to_dict(conninfo)
    os.environ |= {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": known["dbname"],
        "POSTGRES_HOST": known["host"],
        "POSTGRES_PORT": str(known.get("port", 5432)),
        "POSTGRES_USER": known["user"],
        "POSTGRES_PASSWORD": str(known.get("password", "")),
        "POSTGRES_ENABLE_DB_FUNCTIONS": "y",
        "POSTGRES_POOL_SIZE": str(writers),
        "POSTGRES_MAX_OVERFLOW": "0",
        "POSTGRES_POOL_TIMEOUT": "60",
    }
    return importlib.import_module("eventsourcing.application").Application()


def main() -> None:
    conninfo, writers, events = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    domain = importlib.import_module("eventsourcing.domain")

    class Measured(domain.Aggregate):  # type: ignore[misc, name-defined]
        @domain.event("StepMeasured")  # type: ignore[untyped-decorator]
        def measure(self, step: str, number: int, note: str) -> None: ...

    app = application(conninfo, writers)

    def write(writer: int, most: int) -> None:
        aggregate = Measured()
        for number in range(most):
            aggregate.measure("disable_account", number, "x" * 120)
            app.save(aggregate)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda writer: write(writer, 2), range(writers)))
        began = time.perf_counter()
        list(pool.map(lambda writer: write(writer, events), range(writers)))
        print(writers * events / (time.perf_counter() - began))
    app.close()


if __name__ == "__main__":
    main()
