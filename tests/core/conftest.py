"""How hypothesis searches here: the same examples on every machine, and no time limit on a busy one."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# function-scoped fixtures: the autouse seal of the environment is the same for all examples of a test
settings.register_profile(
    "core",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("core")
