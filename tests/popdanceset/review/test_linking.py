"""Modules joined into one script do what they did as modules (run by Node, where there is one)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from popdanceset.errors import AssetError, InputError
from popdanceset.review.linking import link
from popdanceset.review.vendoring import vendor

MODULES = {
    "main.js": """
import { area, Square as Quadrat } from "./shapes/areas.js";
import * as numbers from "./numbers.js";

// an import { of } something "in a comment"
const text = `export { not } from "./here.js";`;
console.log(area(3), new Quadrat(2).area, numbers.two, numbers.later(), Object.keys(numbers).join());
console.log(text);
""",
    "shapes/areas.js": """
import { two } from "../numbers.js";

export function area(side) {
  return side ** two;
}

export class Square {
  constructor(side) {
    this.area = area(side);
  }
}
""",
    "numbers.js": """
export const two = 2;
export async function never() {}
let count = 0;
export const later = () => ++count;
""",
    "minified.js": 'import{two as e,later as t}from"./numbers.js";export{two,never as n}from"./numbers.js";'
    "const r=e+t();export{r as three,t as $count};",
}


def write(folder: Path, **changes: str) -> Path:
    for name, text in (MODULES | {f"{name}.js": text for name, text in changes.items()}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "main.js"


def node(*arguments: str) -> str:
    program = shutil.which("node")
    if not program:
        pytest.skip("needs Node to run scripts")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "main",
    [
        MODULES["main.js"],
        'import { three, two, $count } from "./minified.js";\nconsole.log(three, two, $count());',
        'import {\n  two,\n  later as next,\n} from "./numbers.js";\nconsole.log(two, next());',
    ],
    ids=["our own", "minified", "several lines"],
)
def test_the_script_prints_what_the_modules_print(tmp_path: Path, main: str) -> None:
    entry = write(tmp_path, main=main)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    linked = tmp_path / "linked.cjs"
    linked.write_text(link(entry), encoding="utf-8")

    assert node(str(linked)) == node(str(entry)) != ""


def test_each_module_is_there_once_and_after_what_it_imports(tmp_path: Path) -> None:
    script = link(write(tmp_path))

    places = [script.index(f'modules["{name}"] = ') for name in ("numbers.js", "shapes/areas.js", "main.js")]
    assert places == sorted(places)
    assert script.count("count = 0") == 1
    assert "minified" not in script


@pytest.mark.parametrize(
    "line",
    [
        'import two from "./numbers.js";',
        'import "./numbers.js";',
        "export default 3;",
        "export let changing = 1;",
        'export * from "./numbers.js";',
        'const more = 1; import("./numbers.js");',
        "console.log(import.meta.url);",
        "  export const [a, b] = [1, 2];",
    ],
)
def test_other_forms_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"main\.js: cannot be linked: "):
        link(write(tmp_path, main=f"const before = 1;\n{line}\n"))


def test_circles_and_modules_elsewhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"areas\.js: imports itself"):
        link(write(tmp_path, numbers='import { area } from "./shapes/areas.js";\nexport const two = 2;'))
    (tmp_path / "outside.js").write_text("export const x = 1;")
    for source, message in (("../outside.js", "is outside"), ("three", "relative paths")):
        with pytest.raises(InputError, match=message):
            link(write(tmp_path / "page", main=f'import {{ x }} from "{source}";'))


def test_a_missing_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"absent\.js: a module of the page cannot be read.*review vendor"):
        link(write(tmp_path, main='import { x } from "./absent.js";'))


def test_three_links_and_calculates(tmp_path: Path) -> None:
    if vendor.missing():
        pytest.skip("three.js is not installed: popdanceset review vendor")
    (tmp_path / "vendor").mkdir()
    for name in ("three.module.min.js", "three.core.min.js"):
        shutil.copy(vendor.FOLDER / name, tmp_path / "vendor" / name)
    entry = write(
        tmp_path,
        main='import * as THREE from "./vendor/three.module.min.js";\n'
        "const v = new THREE.Vector3(1, 0, 0).applyAxisAngle(new THREE.Vector3(0, 0, 1), Math.PI / 2);\n"
        "console.log(THREE.REVISION, v.y.toFixed(6), typeof THREE.WebGLRenderer, Object.keys(THREE).length);",
    )
    (tmp_path / "package.json").write_text('{"type": "module"}')
    linked = tmp_path / "linked.cjs"
    linked.write_text(link(entry), encoding="utf-8")

    assert node(str(linked)) == node(str(entry))
    assert node(str(linked)).startswith("180 1.000000 function ")
