"""`popdanceset report`."""

import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError
from popdanceset.report.command import report


def arguments(dataset, *more):
    return ["--store", dataset.settings.store, "--set", f"manifests={dataset.settings.manifests}", *more]


def test_the_command_writes_the_page(complete, tmp_path):
    path = tmp_path / "here" / "report.html"

    given = arguments(complete, "--manifest", "winter", "--out", str(path), "--pages", "1")
    result = CliRunner().invoke(report, given, catch_exceptions=False)

    assert result.exit_code == 0
    assert result.output == f"{path}: {path.stat().st_size / 1e6:.1f} MB\n"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_manifest_that_is_not_there(complete, tmp_path):
    given = arguments(complete, "--manifest", "summer", "--out", str(tmp_path / "r.html"))
    with pytest.raises(InputError, match="there is no selection 'summer'"):
        CliRunner().invoke(report, given, catch_exceptions=False)
