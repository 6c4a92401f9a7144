"""The README's section for operators, run line by line: server, pools, deployments, workers, a release."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

import flows
from popdanceset.release.reader import Release

README = Path(__file__).parents[2] / "README.md"


def operator_lines() -> str:
    """The code block below the heading for operators."""
    section = README.read_text(encoding="utf-8").partition("## For operators")[2]
    block = re.search(r"```bash\n(.*?)```", section, re.DOTALL)
    assert block, "README.md has no code block for operators"
    return block[1]


@pytest.mark.slow
def test_the_readme_leads_an_operator_to_a_release(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    shutil.copy(Path(flows.__file__).with_name("prefect.yaml"), tmp_path / "flows")
    # A smaller section than the README's, and sampled whole: it is the chain itself that is tested.
    script = operator_lines().replace("--videos 400", "--videos 120") + "prefect deployment ls\n"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PREFECT_HOME": str(tmp_path / ".prefect"),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "POPDANCESET_POPULARITY__SAMPLE": "0",
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", "-e", "-c", script],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        code = shell.wait(timeout=540)
        text = log.read_text(encoding="utf-8", errors="replace")
        assert code == 0, text[-4000:]
        scheduled = upcoming_runs("http://127.0.0.1:4200/api")
    finally:
        os.killpg(shell.pid, signal.SIGKILL)

    releases = sorted((tmp_path / "store" / "releases").iterdir())
    assert len(releases) == 1, text[-4000:]
    assert len(Release(releases[0]).clips) > 0
    assert {"refresh/weekly", "crawl/daily"} <= set(re.findall(r"\b\w+/\w+\b", text))
    weekly = [time for time in scheduled if time.astimezone(CHINA).strftime("%a %H:%M") == "Mon 04:00"]
    assert weekly, f"the cron schedule made no run: {scheduled}"


CHINA = datetime.timezone(datetime.timedelta(hours=8))


def upcoming_runs(api: str) -> list[datetime.datetime]:
    """Start times of the runs that the scheduler has made."""
    wanted = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    runs = requests.post(f"{api}/flow_runs/filter", json=wanted, timeout=10).json()
    return [datetime.datetime.fromisoformat(run["expected_start_time"]) for run in runs]
