"""The lines of flows/OPERATIONS.md for two machines and an S3 store, run by two machines of a test.

Their network is the offline Bilibili, their store moto's S3 server. Each has secrets, and at the end all
that was written is searched for them.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.parquet as pq
import pytest

from popdanceset import layout
from popdanceset.release.reader import Release
from popdanceset.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.flows.conftest import Api, Machine

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "flows" / "OPERATIONS.md"
LOGIN = ("operator", "PLANTED-prefect-41d2")
SECRETS = {
    "s3 key": "PLANTED-s3-90ab",
    "prefect": LOGIN[1],
    "proxy": "PLANTED-proxy-3c4d",
    "cookie": "PLANTED-cookie-55e6",
    "webhook": "PLANTED-webhook-77f8",
}


class Site(NamedTuple):
    a: Machine
    b: Machine
    api: Api
    store: str


def blocks(port: int, store: str) -> dict[str, list[str]]:
    """The page's lines for each machine, with this test's addresses in place of the page's."""
    text = PAGE.read_text(encoding="utf-8")
    replacements = {
        "s3://bucket/popdanceset?region=eu-central-1": store,
        "http://10.0.0.5:4200": f"http://127.0.0.1:{port}",
        "--host 10.0.0.5": f"--host 127.0.0.1 --port {port}",
    }
    for theirs, ours in replacements.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    found: dict[str, list[str]] = {}
    for where, lines in re.findall(r"```bash (\w+)\n(.*?)```", text, re.DOTALL):
        found.setdefault(where, []).append(lines)
    assert {where: len(parts) for where, parts in found.items()} == {"both": 1, "A": 2, "B": 1}
    return found


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Address of a store in a bucket of an S3 server of this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/bucket", method="PUT")).close()
    yield f"s3://bucket/popdanceset?endpoint_override={host}:{port}&scheme=http&region=us-east-1"
    server.stop()


@pytest.fixture(scope="module")
def site(
    machine: Callable[..., Machine], api: type[Api], free_port: Callable[[], int], bucket: str
) -> Iterator[Site]:
    """Both machines after the lines of the page, up to the end of a refresh."""
    from popdanceset.simulator import Simulator
    from popdanceset.simulator.casting import cast, read_media
    from popdanceset.simulator.population import population

    port = free_port()
    lines = blocks(port, bucket)
    with Simulator(cast(population(120, 0), read_media(), 0)) as simulator:
        common = {
            "POPDANCESET_NETWORK__PROXY": simulator.proxy_url.replace("//", f"//me:{SECRETS['proxy']}@"),
            "POPDANCESET_NETWORK__CA_FILE": simulator.ca_file,
            "POPDANCESET_CRAWL__REQUESTS_PER_SECOND": "50",
            "POPDANCESET_POPULARITY__SAMPLE": "0",
            "POPDANCESET_DOWNLOAD__COOKIE_FILE": "cookies.txt",
            "POPDANCESET_ALERTS__WEBHOOK": f"http://127.0.0.1:9/{SECRETS['webhook']}",
            "POPDANCESET_LOG__FORMAT": "json",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        # A folder of the same name, as the page says; all that a machine keeps for itself is apart.
        a = machine("A", POPDANCESET_MANIFESTS="manifests-of-A", **common)
        b = machine("B", POPDANCESET_MANIFESTS="manifests-of-B", **common)
        (a.folder / "s3-secret").write_text(SECRETS["s3 key"])
        (a.folder / "prefect-password").write_text(LOGIN[1])
        cookies = f".bilibili.com\tTRUE\t/\tFALSE\t0\tSESSDATA\t{SECRETS['cookie']}\n"
        (a.folder / "cookies.txt").write_text(f"# Netscape HTTP Cookie File\n{cookies}")
        (both,) = lines["both"]
        a.run(both + lines["A"][0])
        b.run(both + lines["B"][0])
        a.run(both + lines["A"][1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "dances")
            patch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS["s3 key"])
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            yield Site(a, b, api(f"http://127.0.0.1:{port}/api", LOGIN), bucket)
        assert simulator.leaks == []


def test_the_refresh_ends_in_a_release_in_the_bucket(site: Site) -> None:
    store = Store(site.store)
    (info,) = store.list(layout.RELEASES, layout.RELEASE_INFO)
    with Release(store.address_of(info.removesuffix(f"/{layout.RELEASE_INFO}"))) as release:
        assert len(release.clips) > 0
        assert release.info.source.manifest == "weekly"


def test_each_stage_ran_where_it_was_sent(site: Site) -> None:
    """Extract on B, which alone serves its pool. Both serve the other one: the refresh is on one machine, and
    acquire, which knows the manifest from the store only, on the other."""
    ran: dict[str, str] = {}
    for here, name in ((site.a, "A"), (site.b, "B")):
        text = here.log.read_text(encoding="utf-8", errors="replace")
        tried, lost = (
            set(re.findall(rf"{word} flow run '([0-9a-f-]{{36}})'", text))
            for word in ("submitting", "Aborted submission of")  # the other machine was faster
        )
        ran |= dict.fromkeys(tried - lost, name)
    entrypoints = {
        run["id"]: site.api.get(f"deployments/{run['deployment_id']}")["entrypoint"].rpartition(".")[2]
        for run in site.api.runs()
        if run["deployment_id"]
    }
    where = {entrypoints[run]: name for run, name in ran.items()}
    assert where.keys() == {"refresh", "acquire", "extract"}
    assert where["extract"] == "B"
    assert where["acquire"] != where["refresh"]
    assert not list(site.a.folder.glob("manifests-of-*/weekly"))
    stored = {Path(name).name for name in Store(site.store).list(layout.manifest("weekly"))}
    assert stored >= {layout.MANIFEST_DOCUMENT, layout.MANIFEST_VIDEOS, layout.MANIFEST_CLIPS}


def test_the_log_of_a_stage_is_json_with_ids_where_it_is_asked_for(site: Site) -> None:
    text = "".join(each.log.read_text(encoding="utf-8", errors="replace") for each in (site.a, site.b))
    lines = [json.loads(line) for line in text.splitlines() if line.startswith('{"time"')]
    runs = {run["id"] for run in site.api.runs()}
    assert lines
    assert {line["run_id"] for line in lines} <= runs
    assert [line for line in lines if line.get("bvid", "").startswith("BV")]


def test_no_secret_is_in_anything_that_was_written(site: Site) -> None:
    """Logs, Prefect's database with its artifacts and parameters, manifests, and the store."""
    own = {site.a.folder / name for name in ("s3-secret", "prefect-password", "cookies.txt")}
    found = [
        f"{path.relative_to(site.a.folder)}: {name}"
        for path in sorted(site.a.folder.rglob("*"))
        if path.is_file() and path not in own
        for name, secret in SECRETS.items()
        if secret.encode() in path.read_bytes()
    ]
    store = Store(site.store)
    for name, is_file in store.walk():
        if is_file:
            text = contents(store, name)
            found += [f"{name}: {kind}" for kind, secret in SECRETS.items() if secret.encode() in text]
    assert found == []
    assert (site.a.folder / ".prefect-A" / "prefect.db").is_file()


def contents(store: Store, name: str) -> bytes:
    """A file's bytes, and the values of a table, whose columns are compressed."""
    data = store.read_bytes(name)
    if name.endswith(layout.PARQUET):
        with store.open_read(name) as file:
            table = pq.read_table(file)
            return data + str(table.to_pydict()).encode() + str(table.schema.metadata).encode()
    return data
