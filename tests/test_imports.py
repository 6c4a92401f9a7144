"""Imports point one way: flows → popdanceset, hybrik_runner, training; and command modules stay light.

Every module is parsed, not run. Imports inside functions and under TYPE_CHECKING count for the direction;
only imports that are executed with the module count as heavy.
"""

import ast
import graphlib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("popdanceset", "hybrik_runner", "training", "flows")

FOUNDATION = {
    f"popdanceset.{name}"
    for name in (
        "errors", "settings", "schema", "tables", "store", "layout", "clip_id", "atomic", "locks", "checksum",
        "runs", "remote_files", "video.rules", "skeleton", "media", "media.container", "media.decoding",
        "media.draft", "media.geometry", "media.sound", "media.timeline", "film", "progress", "commands",
        "safe_pickle", "devices", "safety", "ledger", "logs", "withdrawal.tombstones", "operations.findings",
        "conditional", "leases", "wording", "engine", "clip_table",
    )
}  # fmt: skip
HEAVY = {
    "torch", "librosa", "prefect", "pandas", "pyarrow", "scipy", "statsmodels", "matplotlib", "yt_dlp", "cv2",
    "av", "scenedetect", "ai_edge_litert", "fsspec", "soundfile", "jinja2", "requests", "uvicorn", "fastapi",
}  # fmt: skip


def name_of(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))}


def is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(module, nodes, *, executed_only=False):
    """Names of the modules imported below the nodes; `from a import b` is `a.b` where that is a module."""
    found = set()
    for node in nodes:
        if executed_only and (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or is_type_checking(node)
        ):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
                for _ in range(node.level - 1):
                    package = package.rpartition(".")[0]
                base = f"{package}.{base}".rstrip(".")
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names}
        found |= imports(module, ast.iter_child_nodes(node), executed_only=executed_only)
    return found


def parsed(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def below(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def allowed(importer, imported):
    """Returns whether one module may import the other."""
    if below(imported, "flows"):
        # The demo is the only command that runs flows; it is in the same package.
        return below(importer, "flows")
    if below(imported, "tests"):
        return False
    if importer in ("popdanceset.devices", "popdanceset.motion.formats") and imported == "torch":
        return True  # lists devices for both packages that calculate with torch; reads `.pt` files
    if below(importer, "popdanceset"):
        return not below(imported, "hybrik_runner", "training", "prefect", "torch")
    if below(importer, "hybrik_runner"):
        return not below(imported, "training", "prefect") and (
            not below(imported, "popdanceset")
            or imported in FOUNDATION | {"popdanceset"}
            or below(imported, "popdanceset.motion", "popdanceset.rotations")
        )
    if below(importer, "training"):
        return not below(imported, "hybrik_runner", "prefect") and (
            not below(imported, "popdanceset")
            or imported in FOUNDATION | {"popdanceset"}
            # The sampler must compute the features of a song as the release did.
            or imported == "popdanceset.music.song"
            or below(imported, "popdanceset.release", "popdanceset.motion", "popdanceset.rotations")
        )
    return True


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package):
    against = [
        f"{module} imports {imported}"
        for module in MODULES
        if below(module, package)
        for imported in sorted(imports(module, [parsed(module)]))
        if not allowed(module, imported)
    ]
    assert against == []


def test_the_foundation_imports_only_itself():
    base = FOUNDATION | {"popdanceset"}
    against = [
        f"{module} imports {imported}"
        for module in sorted(FOUNDATION)
        for imported in sorted(imports(module, [parsed(module)]))
        if below(imported, *PACKAGES) and imported not in base
    ]
    assert against == []


def test_there_are_no_import_circles():
    graph = {
        module: {name for name in imports(module, [parsed(module)]) if name in MODULES and name != module}
        for module in MODULES
        if module not in PACKAGES  # the public names of a package are imported when they are used
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def executed_with(module, seen):
    """(module, outside import) for this module and every module of the project that it imports."""
    seen.add(module)
    outside = set()
    pulled = imports(module, [parsed(module)], executed_only=True)
    packages = {module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1)}
    for name in pulled | packages:
        if name not in MODULES:
            outside.add((module, name))
        elif name not in seen:
            outside |= executed_with(name, seen)
    return outside


@pytest.mark.parametrize(
    "point", sorted(entry_points(group="popdanceset.commands"), key=lambda p: p.name), ids=lambda p: p.name
)
def test_command_modules_are_light(point):
    assert point.module in MODULES, f"{point.value} is registered in pyproject.toml but not there"
    heavy = [
        f"{module} imports {name}"
        for module, name in sorted(executed_with(point.module, set()))
        if below(name, *HEAVY)
    ]
    assert heavy == []


@pytest.mark.parametrize(
    ("importer", "imported", "expected"),
    [
        ("popdanceset.store", "popdanceset.schema", True),
        ("popdanceset.store", "hybrik_runner.smpl", False),
        ("popdanceset.store", "torch", False),
        ("popdanceset.store", "prefect.tasks", False),
        ("popdanceset.simulator.server", "tests.studio.index", False),
        ("hybrik_runner.running.runner", "popdanceset.media", True),
        ("hybrik_runner.running.runner", "popdanceset.video.screen", False),
        ("hybrik_runner.running.runner", "torch", True),
        ("training.data", "popdanceset.release.reader", True),
        ("training.data", "popdanceset.music", False),
        ("training.sample", "popdanceset.music.song", True),
        ("training.sample", "popdanceset.music.features", False),
        ("training.data", "flows", False),
        ("flows.refresh", "training.train", True),
    ],
)
def test_the_rule_itself(importer, imported, expected):
    assert allowed(importer, imported) == expected


def test_imports_are_found_wherever_they_stand():
    code = (
        "import a.b\nif TYPE_CHECKING:\n    import c\ndef f():\n    from d import e\nclass K:\n    import g\n"
    )
    tree = ast.parse(code)

    assert imports("popdanceset", [tree]) == {"a.b", "c", "d", "g"}
    assert imports("popdanceset", [tree], executed_only=True) == {"a.b", "g"}
    relative = ast.parse("from . import errors\nfrom .store import Store\n")
    assert imports("popdanceset.cli", [relative]) == {"popdanceset.errors", "popdanceset.store"}
