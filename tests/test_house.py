"""The rules of the house: one place for store names, no copied code, one orchestration, public names."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import popdanceset

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "hybrik_runner", "popdanceset", "training")
LAYOUT = ROOT / "popdanceset" / "layout.py"
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]

FOLDERS = (
    "statistics", "followers", "selection", "videos", "clips", "fingerprints", "merges", "poses", "verdicts",
    "budget", "popularity", "media", "claims", "failures", "releases", "reports", "tombstones", "splits",
    "meta", "ledger", "alerts",
)  # fmt: skip
STORE_NAME = re.compile(rf"^\.?(?:{'|'.join(FOLDERS)})/(?:$|[\w.{{*-])")
TABLE_CALL = re.compile(
    r"\.(?:read_table|list|exists|open_read|read_json|write_table|write_rows)\(\s*f?\"(?!\{)"
)


def strings(file: Path) -> Iterator[tuple[int, str]]:
    """Every string literal that is not a docstring; placeholders of f-strings become `{`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare | inner:
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{" for part in node.values)
            yield node.lineno, "".join(map(str, parts))


def spelled_out(file: Path) -> list[str]:
    found = [f"line {line}: {text!r}" for line, text in strings(file) if STORE_NAME.match(text)]
    text = file.read_text(encoding="utf-8")
    return found + [
        f"line {text[: match.start()].count(chr(10)) + 1}: {match[0]}…" for match in TABLE_CALL.finditer(text)
    ]


def test_store_names_are_spelled_in_layout_only() -> None:
    found = {
        str(file.relative_to(ROOT)): names
        for file in FILES
        if file != LAYOUT and (names := spelled_out(file))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('name = "poses/x.parquet"', True),
        ('name = f"poses/{clip_id}.parquet"', True),
        ('rows = store.read_table("clips", CLIPS)', True),
        ('info = release / "meta/info.json"', True),
        ('"""Where poses/{clip_id}.parquet lies."""', False),
        ("name = layout.poses(clip_id)", False),
        ('unit = "clips"', False),
    ],
)
def test_the_search_finds_names(tmp_path: Path, code: str, found: bool) -> None:
    file = tmp_path / "module.py"
    file.write_text(code, encoding="utf-8")
    assert bool(spelled_out(file)) is found


# -- no copied code

WINDOW = 12


def code_lines(file: Path) -> list[tuple[int, str]]:
    """Lines that count: no blank lines, comments, imports or lone punctuation; white space is folded."""
    kept = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        text = " ".join(line.split())
        if text and text[0] != "#" and not text.startswith(("import ", "from ")) and re.search(r"\w", text):
            kept.append((number, text))
    return kept


def copies(files: list[Path]) -> list[str]:
    places: dict[tuple[str, ...], list[tuple[Path, int]]] = defaultdict(list)
    for file in files:
        lines = code_lines(file)
        for start in range(len(lines) - WINDOW + 1):
            window = lines[start : start + WINDOW]
            places[tuple(text for _, text in window)].append((file, window[0][0]))
    return [
        " ~ ".join(f"{file.name}:{line}" for file, line in found)
        for found in places.values()
        if len({file for file, _ in found}) > 1
    ]


def test_no_two_modules_share_twelve_equal_lines() -> None:
    assert copies(FILES) == []


def test_copied_lines_are_found(tmp_path: Path) -> None:
    body = "\n".join(f"value_{n} = {n}" for n in range(WINDOW))
    for name, text in (("a.py", body), ("b.py", f"import os\n\n{body}\n"), ("c.py", body[:-8])):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert copies(sorted(tmp_path.iterdir())) == ["a.py:1 ~ b.py:3"]


# -- one orchestration

STAGES = {
    "crawl": ("popdanceset/bilibili/command.py", "flows/crawl.py", {"popdanceset.bilibili.crawl.crawl"}),
    "followers": (
        "popdanceset/bilibili/command.py", "flows/select.py", {"popdanceset.bilibili.crawl.ask_followers"}
    ),
    "fit": ("popdanceset/popularity/command.py", "flows/select.py", {"popdanceset.popularity.fit.fit"}),
    "select": (
        "popdanceset/popularity/command.py", "flows/select.py", {"popdanceset.popularity.selection.select"}
    ),
    "acquire": (
        "popdanceset/video/command.py",
        "flows/acquire.py",
        {"popdanceset.video.acquire.acquire_manifest", "popdanceset.video.replan.replan_manifest"},
    ),
    "extract": (
        "hybrik_runner/commands/extract.py",
        "flows/extract.py",
        {"hybrik_runner.running.waiting.extract_waiting"},
    ),
    "features": (
        "popdanceset/music/command.py", "flows/features.py", {"popdanceset.music.features.extract_features"}
    ),
    "publish": ("popdanceset/release/command.py", "flows/publish.py", {"popdanceset.release.writer.publish"}),
}  # fmt: skip


def imported_functions(file: str) -> set[str]:
    """What a module imports from the library, as `module.name`."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module)
    return {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}


@pytest.mark.parametrize("stage", STAGES)
def test_command_and_flow_of_a_stage_call_the_same_function(stage: str) -> None:
    command, flow, functions = STAGES[stage]
    assert functions <= imported_functions(command)
    assert functions <= imported_functions(flow)


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "flows").glob("*.py")))
def test_flows_leave_reading_and_writing_to_the_library(file: str) -> None:
    tree = ast.parse((ROOT / "flows" / file).read_text(encoding="utf-8"))
    methods = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)
               and isinstance(node.func, ast.Attribute)]  # fmt: skip
    called = {
        f.attr for f in methods if ast.unparse(f.value) != "client"
    }  # they may talk to Prefect's server
    assert not {name for name in called if name.startswith(("read_", "write_", "put", "open_", "sweep"))}


def test_there_are_public_names_and_each_can_be_imported() -> None:
    for name in popdanceset.__all__:
        assert getattr(popdanceset, name) is not None
    assert set(popdanceset.__all__) <= set(dir(popdanceset))
    with pytest.raises(AttributeError, match="no_such_name"):
        popdanceset.no_such_name  # noqa: B018


def test_importing_the_package_is_light() -> None:
    code = "import sys, popdanceset; print([m for m in ('pyarrow', 'pydantic', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", [*PACKAGES, "tests", "manifests", "docker"])
def test_every_top_level_folder_says_what_it_is(package: str) -> None:
    text = (ROOT / package / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    rooms = {
        path.name for path in (ROOT / package).iterdir() if path.is_dir() and (path / "__init__.py").is_file()
    }
    assert [room for room in sorted(rooms) if f"{room}/" not in text] == []


def test_links_in_readmes_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / ".github").glob("*.md")]
    for folder in (*PACKAGES, "manifests", "tests", "docker"):
        pages += (ROOT / folder).rglob("*.md")
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


# -- what CI runs


def run_ci(folder: Path, *programs: str) -> list[str]:
    """Runs `.ci/run` with stubs of programs in place of the real ones; returns what it prints."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", folder / ".ci/run")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(readme, encoding="utf-8")
    tools = folder / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "grep", "rm", "id", "mkdir", "cp", "env"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    venv = "mkdir -p .venv/bin; cp bin/stub .venv/bin/pip; cp bin/stub .venv/bin/pytest"
    for name, text in {"stub": "", "python3": venv, **dict.fromkeys(programs, "")}.items():
        (tools / name).write_text(f'#!/usr/bin/env bash\necho "${{0##*/}} $*"\n{text}\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    done = subprocess.run(
        [tools / "bash", folder / ".ci/run"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_ci_runs_exactly_the_test_line_of_the_readme(tmp_path: Path) -> None:
    shown, *ran = run_ci(tmp_path, "chromium", "pg_ctlcluster")
    assert f"\n{shown.removeprefix('+ ')}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert ran == ["python3 -m venv .venv", "pip install -q .[test]", "pytest -n 2 --dist loadfile"]


def test_ci_goes_on_where_programs_cannot_be_had(tmp_path: Path) -> None:
    said, _, *ran = run_ci(tmp_path)
    assert said == "not installed: chromium postgresql; the tests that need them will be skipped"
    assert len(ran) == 3
