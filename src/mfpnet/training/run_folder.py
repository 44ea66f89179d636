"""The folder of a run: given back by a run that never came to a checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mfpnet.checkpoint import CHECKPOINT_FILE
from mfpnet.folders.folder import PLAN
from mfpnet.foreign import foreign_name
from mfpnet.training.runs import CONFIG_FILE, RunConfig, used_folder, write_config
from mfpnet.views.runlog import METRICS_FILE, TENSORBOARD_FOLDER


@contextmanager
def taken_folder(folder: Path, config: RunConfig) -> Iterator[None]:
    """Write the config, and let the block train in the folder, which is this process's alone.

    What ends before its first checkpoint must not look like a run to go on with: what the run
    wrote is removed. A `config.yaml` that was there before stays.

    Raises:
        MfpnetError: the folder holds a run, or cannot be written to; or as the block.
    """
    if (folder / CHECKPOINT_FILE).exists():
        raise used_folder(folder, foreign_name(config.variant))
    is_new = not (folder / CONFIG_FILE).exists()
    write_config(folder / CONFIG_FILE, config)
    try:
        yield
    finally:
        if is_new and not (folder / CHECKPOINT_FILE).exists():
            _remove_traces(folder, config)


def _remove_traces(folder: Path, config: RunConfig) -> None:
    plan = (PLAN,) if config.data.plan == str((folder / PLAN).absolute()) else ()
    for name in (TENSORBOARD_FOLDER, *plan):
        shutil.rmtree(folder / name, ignore_errors=True)
    # The error that brought us here matters more; and what else is there is not the run's.
    with suppress(OSError):
        for name in (CONFIG_FILE, METRICS_FILE):
            (folder / name).unlink(missing_ok=True)
