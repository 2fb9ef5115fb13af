"""Settings that every test shares."""

import os
import signal
import sys
from pathlib import Path

for library in ("OPENBLAS", "OMP", "MKL"):  # the matrices are small, and the tests run side by side
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))  # so that tests can import the oracles

settings.register_profile(
    "seeded", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("seeded")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's "&" ignores Ctrl-C, which every child would inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)
