"""A PostgreSQL server of Debian's package, in a temporary folder, as a user without privileges."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDERS = "/usr/lib/postgresql/*/bin"
"""Where Debian keeps the programs that only a server needs."""


@contextlib.contextmanager
def running(port: int) -> Iterator[str]:
    """Yields the address of an empty database, as Prefect takes it; an empty text without PostgreSQL."""
    found = [*Path("/").glob(f"{FOLDERS[1:]}/initdb"), *filter(None, [shutil.which("initdb")])]
    if not found:
        yield ""
        return
    programs = Path(str(found[0])).parent
    who = _nobody()
    # Its user must be able to enter the folder, which the folders of pytest do not allow.
    folder = Path(tempfile.mkdtemp(prefix="popdanceset-postgres-"))
    data, log = folder / "data", folder / "log"
    try:
        if who:
            shutil.chown(folder, who["user"])
        options = {**who, "cwd": folder, "check": True, "capture_output": True, "timeout": 120}
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "prefect", "-A", "trust", "--no-sync"], **options
        )
        flags = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        options["capture_output"] = False  # the server would keep the pipe open
        options.update(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([programs / "pg_ctl", "-D", data, "-o", flags, "-l", log, "-w", "start"], **options)
        try:
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _nobody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: options to run it as the user of Debian's package, or nobody."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
