"""How papermill executes cells here: until one fails, or until it is asked to stop."""

from __future__ import annotations

from typing import Any

from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from iluvatar_bench.batch.kernel import PrivateKernelManager
from iluvatar_bench.batch.stop import CellStopper

ENGINE = "iluvatar-bench"
"""The engine's name among papermill's."""


class StoppableClient(PapermillNotebookClient):  # type: ignore[misc]
    """Executes a notebook's cells; after a stop the cell under way is the last one."""

    def __init__(
        self, notebook: Any, *, manager: PrivateKernelManager, stopper: CellStopper
    ) -> None:
        super().__init__(
            notebook, km=manager, kernel_name="python3", startup_timeout=60, iopub_timeout=60
        )
        # Not ours to keep, for nbclient: it shuts the kernel down at the end.
        self.owns_km = True
        self._stopper = stopper

    def papermill_execute_cells(self) -> None:
        """Each cell in order, until one fails or a stop is asked for."""
        for index, cell in enumerate(self.nb.cells):
            if self._stopper.urgency:
                self._stopper.cut_at = index
                return
            self.nb_man.cell_start(cell, index)
            try:
                with self._stopper.cell():
                    self.execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                return
            finally:
                if self._stopper.urgency:
                    # However it ended, it was told to.
                    self._stopper.cut_at = index + 1
                self.nb_man.cell_complete(cell, cell_index=index)

    def process_message(self, message: Any, cell: Any, cell_index: int) -> Any:
        """See that the kernel has begun the cell."""
        if message["msg_type"] == "execute_input":
            self._stopper.began()
        return super().process_message(message, cell, cell_index)

    execute_cell = run_sync(PapermillNotebookClient.async_execute_cell)


class StoppableEngine(Engine):  # type: ignore[misc]
    """Papermill's way to :class:`StoppableClient`."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        manager: PrivateKernelManager,
        stopper: CellStopper,
        **_: Any,
    ) -> None:
        """Execute the cells; the other arguments of papermill's own engine have no use here."""
        StoppableClient(nb_man, manager=manager, stopper=stopper).execute()


papermill_engines.register(ENGINE, StoppableEngine)
