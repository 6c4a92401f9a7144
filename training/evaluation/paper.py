"""Published results to print with measured ones: Table 2 of the POPDG paper."""

from __future__ import annotations

COLUMNS = ("PFC", "PBC", "Div_k", "Div_g", "BAS")
"""Keys of `catalogue.METRICS` for the columns of the table."""

SOURCE = (
    "Luo et al., POPDG: Popular 3D Dance Generation with PopDanceSet, CVPR 2024, Table 2; the upgraded set's "
    "numbers come with its later description"
)

CAVEAT = (
    "Printed numbers come from other clips, lengths, joints and code (y taken for up, 1/60 s, music cut at "
    "150 frames, sums divided by 24): compare their order, not their size."
)

TABLE_2: dict[str, dict[str, tuple[float, float, float, float, float]]] = {
    "PopDanceSet": {
        "ground truth": (1.2302, 2.8485, 6.4034, 7.0289, 0.330),
        "FACT": (7.5663, 8.1007, 3.7371, 5.7843, 0.405),
        "Bailando": (6.1762, 5.9237, 4.2253, 5.5396, 0.480),
        "EDGE": (5.9701, 5.8535, 3.6065, 5.7350, 0.475),
        "POPDG": (4.3697, 5.3863, 4.8641, 6.0228, 0.482),
    },
    "AIST++": {
        "ground truth": (0.3152, 3.6231, 8.6916, 7.5159, 0.510),
        "FACT": (1.1722, 8.6751, 7.5213, 6.6993, 0.422),
        "Bailando": (0.9268, 6.8409, 6.2411, 5.7120, 0.467),
        "EDGE": (0.9201, 6.5191, 6.1040, 3.1415, 0.456),
        "POPDG": (0.8014, 6.2419, 7.5374, 3.6707, 0.469),
    },
    "PopDanceSet, upgraded": {
        "ground truth": (1.5824, 8.7365, 9.0219, 7.2931, 0.174),
        "FACT": (5.8791, 1.0200, 6.8245, 4.3387, 0.206),
        "Bailando": (3.9751, 4.8863, 5.1835, 5.4342, 0.230),
        "EDGE": (3.8366, 4.0348, 6.1709, 5.7568, 0.224),
        "POPDG": (1.8253, 5.9492, 7.1342, 5.8314, 0.233),
    },
}
"""Dataset → model → the numbers of `COLUMNS`."""
