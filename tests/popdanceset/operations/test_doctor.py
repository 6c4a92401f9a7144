"""The doctor: every check passes on a good machine, and names what to do on a bad one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from popdanceset import layout
from popdanceset.errors import InputError, SettingsError, StoreError
from popdanceset.operations import doctor, machine_checks, network_checks, store_checks, version_checks
from popdanceset.operations.doctor import examine, require
from popdanceset.operations.doctor_command import doctor as command
from popdanceset.operations.findings import Finding, Verdict, failed, ok, warning
from popdanceset.settings import Settings
from popdanceset.store import Store

if TYPE_CHECKING:
    from tests.s3 import FaultyS3


def changed(settings: Settings, group: str, **values: object) -> Settings:
    own = getattr(settings, group)
    return settings.model_copy(update={group: type(own).model_validate(own.model_dump() | values)})


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces all checks by those given."""

    def replace(**checks: Callable[[Settings], Finding]) -> None:
        monkeypatch.setattr(doctor, "CHECKS", checks)
        monkeypatch.setattr(doctor, "entry_points", lambda **_: [])

    return replace


# -- the checks of the library


def test_a_good_machine_has_nothing_that_fails(settings: Settings) -> None:
    results = examine(settings, doctor.CHECKS)
    failing = {r.name: r.finding.what for r in results if r.finding.verdict is Verdict.FAILED}
    assert failing == {}
    assert [result.name for result in results] == [*doctor.CHECKS]
    assert all(result.finding.what for result in results)
    assert all(result.finding.do for result in results if result.finding.verdict is not Verdict.OK)


def test_probes_leave_nothing_behind(settings: Settings, store: Store) -> None:
    examine(settings, ["store", "clock", "manifests"])
    left = [path for path in Path(store.address).rglob("*") if path.name != layout.SCRATCH]
    assert left == []
    assert list(Path(settings.manifests).iterdir()) == []


def test_a_store_that_is_a_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (result,) = examine(settings.model_copy(update={"store": str(tmp_path / "file")}), ["store"])
    assert result.finding.verdict is Verdict.FAILED
    assert "is a file, not a store" in result.finding.what
    assert isinstance(result.error, StoreError)


def test_an_object_store(settings: Settings, s3: FaultyS3) -> None:
    remote = settings.model_copy(update={"store": s3.new_address()})
    assert [r.finding.verdict for r in examine(remote, ["store", "clock", "space"])] == ["ok", "ok", "ok"]
    assert list(Store(remote.store).walk()) == []

    s3.ignores_conditions = True
    (result,) = examine(remote, ["store"])
    assert (result.finding.verdict, "conditional" in result.finding.what) == ("failed", True)


@pytest.mark.parametrize(
    ("minutes", "verdict"), [(0, Verdict.OK), (-0.9, Verdict.OK), (5, Verdict.FAILED), (-5, Verdict.FAILED)]
)
def test_a_clock_that_is_off(
    minutes: float, verdict: Verdict, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(Store, "modified", lambda self, name: when)
    finding = store_checks.clock(settings)
    assert finding.verdict is verdict
    if minutes == 5:
        assert "behind the store's" in finding.what
    if minutes == -5:
        assert "ahead of the store's" in finding.what


@pytest.mark.parametrize(("share", "verdict"), [(0.5, "failed"), (2, "warning"), (20, "ok")])
def test_free_space(share: float, verdict: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    free = round(share * settings.download.min_free)
    monkeypatch.setattr(store_checks, "free_bytes", lambda store: free)
    assert store_checks.space(settings).verdict == verdict


def test_a_folder_of_manifests_that_cannot_be(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = machine_checks.manifests(
        settings.model_copy(update={"manifests": str(tmp_path / "file/below")})
    )
    assert (finding.verdict, finding.where) == ("failed", str(tmp_path / "file/below"))


def test_fpcalc_is_needed_only_if_it_is_configured(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert machine_checks.fpcalc(settings).verdict == "warning"
    assert machine_checks.fpcalc(changed(settings, "music", methods="pitch")).verdict == "ok"


def test_a_detector_that_nobody_installed(settings: Settings) -> None:
    finding = machine_checks.detector(changed(settings, "screening", detector="nobody's"))
    assert "no person detector is called" in finding.what
    assert "blazepose" in finding.do


@pytest.mark.parametrize(
    ("group", "values", "verdict"),
    [
        ("crawl", {"requests_per_second": 1.0}, "ok"),
        ("crawl", {"requests_per_second": 1.1}, "failed"),
        ("crawl", {"requests_per_day": 90_000}, "warning"),
        ("crawl", {"cool_down": 1.0}, "warning"),
    ],
)
def test_politeness(group: str, values: dict[str, Any], verdict: str, settings: Settings) -> None:
    assert network_checks.politeness(changed(settings, group, **values)).verdict == verdict


def test_a_simulator_on_this_machine_may_be_asked_quickly(settings: Settings) -> None:
    fast = changed(settings, "crawl", requests_per_second=50.0)
    assert network_checks.politeness(changed(fast, "network", proxy="http://127.0.0.1:1")).verdict == "ok"
    assert network_checks.politeness(changed(fast, "network", proxy="http://elsewhere:1")).verdict == "failed"


def test_contact_and_certificate(settings: Settings) -> None:
    assert network_checks.contact(settings).verdict == "warning"
    assert network_checks.contact(changed(settings, "network", contact="a@b.example")).verdict == "ok"
    assert (
        network_checks.certificate(changed(settings, "network", ca_file="/nowhere.pem")).verdict == "failed"
    )
    finding = network_checks.certificate(changed(settings, "download", cookie_file="/nowhere/secret"))
    assert (finding.where, "secret" in finding.what) == ("download.cookie_file", False)


def test_where_alerts_go_is_checked_and_not_shown(settings: Settings) -> None:
    secret = changed(settings, "alerts", webhook="https://hooks.example/T0PS3CRET")
    assert network_checks.alerts(secret) == ok("a webhook")
    assert network_checks.alerts(changed(settings, "alerts", webhook="T0PS3CRET")).verdict == "failed"
    assert network_checks.alerts(changed(settings, "alerts", command="/nowhere/x y")).verdict == "failed"
    assert network_checks.alerts(changed(settings, "alerts", command="cat")).verdict == "ok"


def test_pins_that_break(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = version_checks.version
    others = {"sqlalchemy": "2.1.0", "fastapi": "0.151.0"}
    monkeypatch.setattr(version_checks, "version", lambda name: others.get(name) or installed(name))
    finding = version_checks.packages(settings)
    assert finding.verdict == "failed"
    assert "sqlalchemy 2.1.0 is not <2.1" in finding.what
    assert "fastapi 0.151.0 is not <0.151" in finding.what


@pytest.mark.parametrize(("days", "verdict"), [(10, "ok"), (200, "warning")])
def test_the_age_of_the_downloader(
    days: int, verdict: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = datetime.now(UTC) - timedelta(days=days)
    monkeypatch.setattr(version_checks, "version", lambda name: f"{made:%Y.%m.%d}")
    assert version_checks.downloader(settings).verdict == verdict


# -- running them


def test_a_broken_check_stops_no_other(settings: Settings, only: Callable[..., None]) -> None:
    def broken(settings: Settings) -> Finding:
        raise ZeroDivisionError("odd")

    only(first=broken, second=lambda settings: ok("fine"))
    first, second = examine(settings)
    assert first.finding.verdict == "failed"
    assert "the check itself failed: ZeroDivisionError: odd" in first.finding.what
    assert second.finding == ok("fine")


def test_a_check_that_hangs_is_left_behind(
    settings: Settings, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hanging(settings: Settings) -> Finding:
        released.wait()
        return ok("late")

    monkeypatch.setattr(doctor, "PATIENCE", 0.05)
    only(slow=hanging, second=lambda settings: ok("fine"))
    slow, second = examine(settings)
    released.set()
    assert "no answer within 0.05 s" in slow.finding.what
    assert second.finding.verdict == "ok"


def test_other_packages_add_their_checks(settings: Settings) -> None:
    """Those that the library cannot make: it knows nothing of Prefect, torch or Ray."""
    assert {"models", "devices", "prefect", "engine"} <= set(doctor.names())
    (result,) = examine(settings, ["devices"])
    assert result.finding.verdict == "ok"


def test_what_a_run_needs_is_required(
    settings: Settings, only: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    def raising(settings: Settings) -> Finding:
        raise StoreError("not writable", "there", "check it")

    only(
        good=lambda settings: ok("fine"),
        doubtful=lambda settings: warning("odd", "look"),
        bad=lambda settings: failed("no GPU", "use another machine", "pose.devices"),
        raising=raising,
    )
    require(["good", "doubtful"], settings)
    assert "doubtful: odd (look)" in caplog.text
    with pytest.raises(InputError, match=r"^pose\.devices: no GPU \(use another machine\)$"):
        require(["good", "bad"], settings)
    with pytest.raises(StoreError, match=r"^there: not writable \(check it\)$"):
        require(["raising"], settings)
    with pytest.raises(SettingsError, match="no check is called 'nothing'"):
        require(["nothing"], settings)


def test_the_command(settings: Settings, only: Callable[..., None]) -> None:
    only(good=lambda settings: ok("fine"), doubtful=lambda settings: warning("odd", "look"))
    done = CliRunner().invoke(command, ["--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "schema": 1,
        "ok": True,
        "checks": [
            {"name": "good", "verdict": "ok", "what": "fine", "do": "", "where": ""},
            {"name": "doubtful", "verdict": "warning", "what": "odd", "do": "look", "where": ""},
        ],
    }
    only(bad=lambda settings: failed("no GPU", "use another machine"))
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 1
    assert "failed   bad  no GPU" in done.output
    assert "→ use another machine" in done.output
