"""What the tests of this package share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The first text ever drawn on a machine waits for tables of Unicode: seconds that say nothing about the code.
unhurried = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
"""For properties: no limit of time."""
