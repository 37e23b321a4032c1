"""The idle Node processes that ministack keeps: they count against the cap of the sandbox's own workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from release.sandbox import emulator


@dataclass(frozen=True, slots=True)
class NodeWorker:
    """A process of ministack that waits for the next event of a function."""

    worker: Any
    last_used: float

    def stop(self) -> None:
        """Ends it, unless it has been taken for an event meanwhile."""
        runtime = emulator.lambda_runtime
        with runtime._lock:
            if self.worker.in_use:
                return
            for key, workers in list(runtime._workers.items()):
                kept = [one for one in workers if one is not self.worker]
                if kept:
                    runtime._workers[key] = kept
                else:
                    del runtime._workers[key]
        runtime.kill_workers([self.worker])


def idle() -> Sequence[NodeWorker]:
    """Every process that runs and has nothing to do."""
    runtime = emulator.lambda_runtime
    with runtime._lock:
        return [
            NodeWorker(worker, worker.last_used)
            for workers in runtime._workers.values()
            for worker in workers
            if not worker.in_use and worker._proc is not None and worker._proc.poll() is None
        ]
