"""The program: verbs, their options, and nothing else. What a verb needs is imported inside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from mfpnet.errors import MfpnetError
from mfpnet.options import (
    AblateOptions,
    BenchmarkOptions,
    DataOptions,
    DemoOptions,
    EvaluateOptions,
    InfoOptions,
    PredictOptions,
    TrainOptions,
)

Verb = (
    Annotated[InfoOptions, tyro.conf.subcommand("info")]
    | Annotated[TrainOptions, tyro.conf.subcommand("train")]
    | Annotated[EvaluateOptions, tyro.conf.subcommand("evaluate")]
    | Annotated[PredictOptions, tyro.conf.subcommand("predict")]
    | Annotated[AblateOptions, tyro.conf.subcommand("ablate")]
    | Annotated[BenchmarkOptions, tyro.conf.subcommand("benchmark")]
    | Annotated[DataOptions, tyro.conf.subcommand("data")]
    | Annotated[DemoOptions, tyro.conf.subcommand("demo")]
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process: 0 done, 1 partly, 2 a user's problem, 130 interrupted."""
    options: Any = tyro.cli(
        Verb,  # type: ignore[arg-type]
        prog="mfpnet",
        description="MFPNet, semantic segmentation in a megabyte.",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagConversionOff),
    )
    try:
        sys.exit(_run(options))
    except MfpnetError as error:
        print(f"mfpnet: {error}", file=sys.stderr)
        sys.exit(130 if type(error).__name__ == "Interrupted" else 2)
    except KeyboardInterrupt:
        print("mfpnet: interrupted.", file=sys.stderr)
        sys.exit(130)


def _run(options: Any) -> int:
    from mfpnet import verbs

    verb = {
        InfoOptions: verbs.info,
        TrainOptions: verbs.train,
        EvaluateOptions: verbs.evaluate,
        PredictOptions: verbs.predict,
        AblateOptions: verbs.ablate,
        BenchmarkOptions: verbs.benchmark,
        DataOptions: verbs.data,
        DemoOptions: verbs.demo,
    }[type(options)]
    return verb(options)
