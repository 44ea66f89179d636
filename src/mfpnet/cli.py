"""The program: verbs, their options, and nothing else. What a verb needs is imported inside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from mfpnet.errors import MfpnetError
from mfpnet.options.ablate import AblateOptions
from mfpnet.options.data import CheckOptions, DrawOptions, InspectOptions
from mfpnet.options.deploy import BenchmarkOptions, ExportOptions
from mfpnet.options.evaluate import EvaluateOptions
from mfpnet.options.importing import ImportOptions
from mfpnet.options.inspect import StudyOptions
from mfpnet.options.slips import check_not_empty, check_once
from mfpnet.options.verbs import (
    DemoOptions,
    InfoOptions,
    PredictOptions,
    TrainOptions,
)

DataVerb = (
    Annotated[InspectOptions, tyro.conf.subcommand("inspect")]
    | Annotated[CheckOptions, tyro.conf.subcommand("check")]
    | Annotated[ImportOptions, tyro.conf.subcommand("import")]
    | Annotated[DrawOptions, tyro.conf.subcommand("draw")]
)


@dataclass(frozen=True)
class DataOptions:
    """Inspect, check, import or draw data."""

    action: DataVerb


Verb = (
    Annotated[InfoOptions, tyro.conf.subcommand("info")]
    | Annotated[TrainOptions, tyro.conf.subcommand("train")]
    | Annotated[EvaluateOptions, tyro.conf.subcommand("evaluate")]
    | Annotated[PredictOptions, tyro.conf.subcommand("predict")]
    | Annotated[AblateOptions, tyro.conf.subcommand("ablate")]
    | Annotated[BenchmarkOptions, tyro.conf.subcommand("benchmark")]
    | Annotated[ExportOptions, tyro.conf.subcommand("export")]
    | Annotated[StudyOptions, tyro.conf.subcommand("inspect")]
    | Annotated[DataOptions, tyro.conf.subcommand("data")]
    | Annotated[DemoOptions, tyro.conf.subcommand("demo")]
)


def parse(arguments: Sequence[str] | None = None) -> Any:
    """The options of a verb from the command line; ends the process where they are off.

    Without any argument it shows the help.

    Raises:
        MfpnetError: an option is given twice, or a list of values is empty.
    """
    given = sys.argv[1:] if arguments is None else arguments
    check_once(given)
    check_not_empty(given, Verb)
    return tyro.cli(
        Verb,
        prog="mfpnet",
        description="MFPNet, semantic segmentation in a megabyte.",
        args=given or ["--help"],
        config=(
            tyro.conf.OmitArgPrefixes,
            tyro.conf.OmitSubcommandPrefixes,
            tyro.conf.FlagCreatePairsOff,
        ),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process.

    Exit status: 0 done, 1 done in part, 2 a problem the user can fix, 130 interrupted.
    """
    try:
        sys.exit(_run(parse(arguments)))
    except MfpnetError as error:
        print(f"mfpnet: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("mfpnet: interrupted.", file=sys.stderr)
        sys.exit(130)


def _run(options: Any) -> int:
    from mfpnet.commands import (
        ablate_verb,
        benchmark_verb,
        data_verbs,
        export_verb,
        inspect_verbs,
        verbs,
    )
    from mfpnet.commands.recorded import recorded

    verbs_of: dict[type, Callable[[Any], int]] = {
        InfoOptions: verbs.info,
        TrainOptions: verbs.train,
        EvaluateOptions: verbs.evaluate,
        PredictOptions: verbs.predict,
        AblateOptions: ablate_verb.ablate,
        BenchmarkOptions: benchmark_verb.benchmark,
        ExportOptions: export_verb.export,
        StudyOptions: inspect_verbs.inspect,
        InspectOptions: data_verbs.inspect,
        CheckOptions: data_verbs.check,
        ImportOptions: data_verbs.import_labels,
        DrawOptions: data_verbs.draw,
        DemoOptions: verbs.demo,
    }
    chosen = options.action if isinstance(options, DataOptions) else options
    return recorded(verbs_of[type(chosen)], chosen)
