"""What every lab's script does around its steps."""

import os
import sys
import traceback

from .controller import Refused
from .isolate import run_isolated
from .lab import LabFailed
from .progress import Progress


def run_lab(title, steps):
    """Runs `steps(isolation, progress)` as a lab and ends this program: 0 if all was as expected."""
    sys.exit(run_isolated(lambda isolation: _report(Progress(title, _earlier_steps()), steps, isolation)))


def keep():
    """Whether the lab is to stay up to be explored."""
    return os.environ.get("KEEP", "") not in ("", "0", "no")


def _report(progress, steps, isolation):
    try:
        steps(isolation, progress)
    except KeyboardInterrupt:
        raise
    except Exception as error:
        progress.failed = progress.failed or str(error)
        if not isinstance(error, (LabFailed, Refused, TimeoutError)):
            traceback.print_exc()
    progress.summary()
    return 1 if progress.failed else 0


def _earlier_steps():
    """What was done before: `LAB_STEPS` is lines of name, tab, seconds."""
    lines = os.environ.get("LAB_STEPS", "").splitlines()
    return [(name, float(seconds)) for name, seconds in (line.split("\t") for line in lines)]
