"""Joins the page's modules into one classic script: browsers refuse modules of pages that lie on the disk.

It understands the forms that the pages use: `import { a, b as c } from "./x.js";`,
`import * as N from "./x.js";`, `export` before a function, class or constant, and the lists of minified
libraries, `export{a as b};` and `export{a}from"./x.js";`. Anything else is refused, not linked wrongly.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from popdanceset.errors import AssetError, InputError

_NAME = r"[A-Za-z_$][\w$]*"
_START = r"(?:^|(?<=[;}]))[ \t]*"
_FROM = r"from\s*[\"'](?P<source>[^\"']+)[\"']\s*;?"
_IMPORT_NAMES = re.compile(rf"{_START}import\s*\{{(?P<names>[^{{}}]*)\}}\s*{_FROM}", re.M)
_IMPORT_ALL = re.compile(rf"{_START}import\s*\*\s*as\s+(?P<name>{_NAME})\s+{_FROM}", re.M)
_EXPORT_FROM = re.compile(rf"{_START}export\s*\{{(?P<names>[^{{}}]*)\}}\s*{_FROM}", re.M)
_EXPORT_LIST = re.compile(rf"{_START}export\s*\{{(?P<names>[^{{}}]*)\}}\s*;?", re.M)
_EXPORT_DECLARATION = re.compile(
    rf"{_START}export\s+(?P<kind>(?:async\s+)?function\s*\*?|class|const)\s+(?P<name>{_NAME})(?!\w)", re.M
)
_LEFT_OVER = re.compile(
    rf"^[ \t]*(?:import|export)\b|{_START}(?:import|export)\s*[{{*\"'(]|\bimport\s*\.\s*meta\b", re.M
)


@dataclass
class _Module:
    """A module as the body of a function.

    Attributes:
        sources: the modules that it imports, in order.
        exported: name for others → expression in the module.
    """

    body: str
    sources: list[Path] = field(default_factory=list)
    exported: dict[str, str] = field(default_factory=dict)


def link(entry: Path, root: Path | None = None) -> str:
    """Returns one classic script that does what the entry module and its imports do.

    Args:
        entry: the module that a page would load.
        root: the folder that all of them are in; the entry's own, unless given.

    Raises:
        AssetError: a module is missing.
        InputError: a module imports or exports in another way, in a circle, or from outside the folder.
    """
    root = (root or entry.parent).resolve()
    order: dict[Path, _Module] = {}
    _visit(entry.resolve(), root, order, ())
    parts = [_wrapped(path, module, root) for path, module in order.items()]
    return '(() => {\n"use strict";\nconst modules = {};\n' + "".join(parts) + "})();\n"


def _visit(path: Path, root: Path, order: dict[Path, _Module], importers: tuple[Path, ...]) -> None:
    if path in order:
        return
    if path in importers:
        raise InputError("imports itself by way of others", path, "modules of a page import one way")
    if not path.is_relative_to(root):
        raise InputError(f"is outside {root}", path, "a page's modules lie in one folder")
    module = _read(path, root)
    for source in module.sources:
        _visit(source, root, order, (*importers, path))
    order[path] = module


def _read(path: Path, root: Path) -> _Module:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise AssetError(
            f"a module of the page cannot be read: {error.strerror}", path, "run `popdanceset review vendor`"
        ) from error
    module = _Module("")

    def source_of(match: re.Match[str]) -> str:
        source = (path.parent / match["source"]).resolve()
        if not match["source"].startswith("."):
            raise InputError(f"imports {match['source']!r}", path, "import by relative paths")
        module.sources.append(source)
        return _key(source, root)

    def import_names(match: re.Match[str]) -> str:
        pairs = (f"{name}: {alias}" for name, alias in _pairs(match["names"]))
        return f"const {{{', '.join(pairs)}}} = modules[{source_of(match)}];"

    def import_all(match: re.Match[str]) -> str:
        return f"const {match['name']} = modules[{source_of(match)}];"

    def export_from(match: re.Match[str]) -> str:
        source = source_of(match)
        module.exported |= {
            alias: f"modules[{source}][{json.dumps(name)}]" for name, alias in _pairs(match["names"])
        }
        return ""

    def export_list(match: re.Match[str]) -> str:
        module.exported |= {alias: name for name, alias in _pairs(match["names"])}
        return ""

    def export_declaration(match: re.Match[str]) -> str:
        module.exported[match["name"]] = match["name"]
        return f"{match['kind']} {match['name']}"

    for pattern, replacement in (
        (_IMPORT_NAMES, import_names),
        (_IMPORT_ALL, import_all),
        (_EXPORT_FROM, export_from),
        (_EXPORT_LIST, export_list),
        (_EXPORT_DECLARATION, export_declaration),
    ):
        text = pattern.sub(replacement, text)
    if left := _LEFT_OVER.search(text):
        line = text[left.start() :].lstrip().partition("\n")[0]
        raise InputError(f"cannot be linked: {line[:80]}", path, "use one of the forms of linking.py")
    module.body = text
    return module


def _pairs(names: str) -> list[tuple[str, str]]:
    """`a, b as c` → (a, a), (b, c)."""
    found = []
    for part in filter(None, (part.strip() for part in names.split(","))):
        name, _, alias = (piece.strip() for piece in part.partition(" as "))
        found.append((name, alias or name))
    return found


def _wrapped(path: Path, module: _Module, root: Path) -> str:
    exported = ", ".join(f"{json.dumps(name)}: {value}" for name, value in sorted(module.exported.items()))
    body = f"{module.body}\nreturn Object.freeze({{{exported}}});\n"
    return f"modules[{_key(path, root)}] = (() => {{\n{body}}})();\n"


def _key(path: Path, root: Path) -> str:
    return json.dumps(path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path))
