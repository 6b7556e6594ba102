"""Says what a lab is doing and how long each step took."""

import contextlib
import time


class Progress:
    """Numbered steps with their durations, and a summary at the end."""

    def __init__(self, title, earlier=()):
        """`earlier`: pairs of name and seconds of steps that were done before this program started."""
        self.steps = [(name, seconds) for name, seconds in earlier]
        self.title = title
        self.failed = None
        print(f"== {title}", flush=True)

    @contextlib.contextmanager
    def step(self, name):
        """Announces a step and reports its duration; what goes wrong in it is the lab's reason to fail."""
        print(f"[{len(self.steps) + 1:2}] {name} ...", flush=True)
        start = time.monotonic()
        try:
            yield self
        except BaseException as error:
            self.failed = f"{name}: {error or type(error).__name__}"
            self._done(name, start, "FAILED after")
            raise
        self._done(name, start, "done in")

    def say(self, text):
        """A line (or several) that belongs to the step under way."""
        for line in str(text).splitlines():
            print(f"     {line}", flush=True)

    def summary(self):
        """The steps with their durations, and how it ended."""
        print(f"== {self.title}: summary")
        width = max((len(name) for name, _ in self.steps), default=0)
        for name, seconds in self.steps:
            print(f"     {name:<{width}}  {seconds:6.1f} s")
        total = sum(seconds for _, seconds in self.steps)
        print(f"     {'all together':<{width}}  {total:6.1f} s")
        print(f"== {self.title}: " + (f"FAILED: {self.failed}" if self.failed else "as expected"), flush=True)

    def _done(self, name, start, how):
        seconds = time.monotonic() - start
        self.steps.append((name, seconds))
        print(f"     {how} {seconds:.1f} s", flush=True)
