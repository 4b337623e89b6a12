"""What holds for every test: the same examples in CI each time, no configuration from the environment around it."""

import os

from hypothesis import HealthCheck, settings

from tests.services.required import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]

# Deadlines are off: two cores shared with a broker say nothing about how long one example takes.
settings.register_profile("dev", deadline=None)
# A red build must mean this change; examples nobody has seen before are for the developer's machine.
settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

for _name in [name for name in os.environ if name.upper().startswith("DRIFTGAUGE_")]:
    del os.environ[_name]
