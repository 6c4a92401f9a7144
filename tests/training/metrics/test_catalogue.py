"""The README of the metrics says the same as the catalogue."""

from __future__ import annotations

from pathlib import Path

import training.metrics
from training.evaluation.comparison import DESCRIPTIONS
from training.metrics.catalogue import RELEASED_ONLY

BEST = {"large": "more", "small": "less", "as real": "real"}


def test_the_readme_lists_every_number_with_its_module_and_direction() -> None:
    folder = Path(training.metrics.__file__).parent
    text = (folder / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| number |") : text.index("`catalogue` holds")]
    found = {}
    for line in table.strip().splitlines()[2:]:
        keys, modules, _, _, best = (cell.strip() for cell in line.strip("|").split("|"))
        found |= dict.fromkeys(keys.split(", "), BEST[best])
        for module in modules.split("`")[1::2]:
            assert (folder / f"{module}.py").is_file()

    assert found == {key: d.better for key, d in DESCRIPTIONS.items() if key not in RELEASED_ONLY}
