"""What a run does before anything starts: it skips itself if it is too late, and checks its machine."""

from __future__ import annotations

from prefect.context import FlowRunContext

from flows.conduct import load
from flows.elsewhere import check_deployments
from flows.lateness import skip_if_late
from flows.parameters import Overrides, RunOn
from popdanceset.engine import LOCAL
from popdanceset.operations.doctor import require
from popdanceset.shared_manifest import is_shared

CHECKS = {
    "crawl": ("store", "clock", "politeness", "certificate"),
    "select": ("store",),
    "acquire": ("store", "engine", "space", "ffmpeg", "codecs", "detector", "certificate"),
    "extract": ("store", "engine", "models", "devices"),
    "features": ("store", "engine"),
    "publish": ("store", "space"),
    "train": ("store",),
    "bench": (),
    "withdraw": ("store",),
}
"""What each stage needs, by names of `popdanceset doctor`."""

OF_THE_WORKERS = ("models", "devices", "detector")
"""What an engine needs on its machines, and not here."""


def begin(
    settings: Overrides | None,
    *stages: str,
    late_hours: float = 0.0,
    run_on: RunOn | None = None,
    manifest: str = "",
) -> None:
    """Begins a run; does nothing in a flow that another one calls, which has done it already.

    Args:
        settings: settings that differ from the worker's own.
        stages: what the run does; names of `CHECKS`.
        late_hours: longest time after which a scheduled run is still started; 0: any.
        run_on: where stages run; those that run elsewhere are checked there.
        manifest: of the run, if its stages use one.

    Raises:
        Abort: the run is skipped (`flows.lateness`).
        PopDanceSetError: what the stages need is missing; one line says what, where, and what to do.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or (run.parent_task_run_id is not None and run.deployment_id is None):
        return
    skip_if_late(run, late_hours)
    loaded = load(settings)
    here = [stage for stage in stages if run_on is None or not getattr(run_on, stage)]
    checks = dict.fromkeys(check for stage in here for check in CHECKS[stage])
    if manifest and not is_shared(manifest) and "/" not in manifest:
        checks["manifests"] = None
    if loaded.engine != LOCAL:
        for name in OF_THE_WORKERS:
            checks.pop(name, None)
    if checks:
        require(checks, loaded)
    if run_on is not None:
        check_deployments(run_on, manifest)
