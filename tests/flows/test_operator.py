"""The README's section for operators, run line by line: server, pools, workers, deployments, a release.

Then the worst: a worker is killed in the middle of a run.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from popdanceset import layout
from popdanceset.release.reader import Release
from popdanceset.schema import STATISTICS
from popdanceset.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.flows.conftest import Api, Machine

pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"
INSTALLED = 'pip install -q ".[all]" && '
"""What the test does not run: it has been done."""

CHINA = datetime.timezone(datetime.timedelta(hours=8))

SLOW = {"store": "other", "crawl": {"requests_per_second": 0.4, "jitter": 0.0}}
"""A crawl of its own store that takes half a minute, against half a second."""


def operator_lines() -> tuple[str, str, str]:
    """The code blocks below the heading for operators: set-up, the offline Bilibili, a run."""
    section = README.read_text(encoding="utf-8").partition("## For operators")[2].partition("\n## ")[0]
    set_up, offline, run = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return set_up, offline, run


def test_the_set_up_has_five_commands() -> None:
    set_up, _, _ = operator_lines()
    assert len(set_up.splitlines()) == 5
    assert set_up.startswith(INSTALLED)


@pytest.fixture(scope="module")
def site(machine: Callable[..., Machine], api: type[Api]) -> tuple[Machine, Api]:
    """A machine on which the lines of the README ran, apart from the last one and from `pip install`."""
    set_up, offline, _ = operator_lines()
    here = machine("operator", POPDANCESET_POPULARITY__SAMPLE="0")
    automations = here.folder / "flows" / "automations.yaml"
    text = automations.read_text(encoding="utf-8")
    assert "within: 90" in text
    automations.write_text(text.replace("within: 90", "within: 45"), encoding="utf-8")  # so much less to wait
    # A smaller section than the README's, and sampled whole: it is the chain itself that is tested.
    assert "--videos 400" in offline
    here.run(offline.replace("--videos 400", "--videos 120") + set_up.removeprefix(INSTALLED))
    return here, api("http://127.0.0.1:4200/api")


def test_the_readme_leads_an_operator_to_a_release_though_a_worker_is_killed(
    site: tuple[Machine, Api], until: Callable[[Callable[[], Any], float], Any]
) -> None:
    here, api = site
    _, offline, last = operator_lines()
    exports = "\n".join(line for line in offline.splitlines() if line.startswith("export"))

    # A crawl is under way when its worker and the crawl itself are killed.
    killed = api.start("crawl/daily", settings=SLOW)
    api.wait(killed, "RUNNING")
    second = api.wait(api.start("crawl/daily", settings=SLOW))
    assert (second["type"], second["message"]) == ("CANCELLED", "Deployment concurrency limit reached.")
    pages = Store(here.folder / "other")
    before = until(lambda: pages.list(layout.STATISTICS), 60)
    assert before
    here.kill("worker", "--pool crawl")
    here.kill("prefect.engine")

    # Another worker, and the README's last line, do not wait for the server to notice.
    text = here.run(f"{exports}\nprefect worker start --pool crawl &\n{last}")
    assert "finished successfully" in text or "Completed" in text, text[-3000:]
    (release,) = (here.folder / "store" / "releases").iterdir()
    assert len(Release(release).clips) > 0

    state = api.wait(killed, "CRASHED")
    assert "its machine is gone" in state["message"]
    again = api.start("crawl/daily", settings=SLOW | {"crawl": {"requests_per_second": 50}})
    assert api.wait(again)["type"] == "COMPLETED"
    assert set(before) < set(pages.list(layout.STATISTICS))
    rows = pages.read_table(layout.STATISTICS, STATISTICS)
    whole = Store(here.folder / "store").read_table(layout.STATISTICS, STATISTICS)
    assert sorted(rows["bvid"].to_pylist()) == sorted(whole["bvid"].to_pylist())  # nothing lost or doubled


def test_the_schedules_create_runs_in_their_time_zone(site: tuple[Machine, Api]) -> None:
    _, api = site
    scheduled = api.runs(flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}})
    starts = [datetime.datetime.fromisoformat(run["expected_start_time"]) for run in scheduled]
    times = [start.astimezone(CHINA) for start in starts]
    assert {time.strftime("%H:%M") for time in times} == {"04:00", "02:30"}
    assert {time.strftime("%a") for time in times if time.hour == 4} == {"Mon"}
    assert "Mon" not in {time.strftime("%a") for time in times if time.hour == 2}


def test_a_run_shows_funnel_figures_cost_and_report(site: tuple[Machine, Api]) -> None:
    _, api = site
    (publish,) = api.runs(flows={"name": {"any_": ["publish"]}})
    found: dict[str, dict[str, Any]] = api.artifacts(publish["id"])
    assert found.keys() == {"funnel", "figures", "cost", "release", "report"}
    assert '"seen"' in found["funnel"]["data"]
    assert "data:image/png;base64," in found["figures"]["data"]
    report = re.search(r"\((file://.*?)\)", found["report"]["data"])
    assert report
    assert Path(report[1].removeprefix("file://")).is_file()
