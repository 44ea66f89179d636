"""The kinds of values that options take, and what `--help` calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

# Nothing is shown as the default where nothing means that the option is left out.
Json = Annotated[Path | None, arg(name="json", metavar="FILE|-", help_behavior_hint="")]
File = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
Folder = Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")]
Name = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
Count = Annotated[int | None, arg(metavar="N", help_behavior_hint="")]
Flag = Annotated[bool, arg(help_behavior_hint="")]
Size = Annotated[str, arg(metavar="HxW")]
Tile = Annotated[str | None, arg(metavar="HxW", help_behavior_hint="")]
Overlap = Annotated[
    int | None,
    arg(metavar="N", help_behavior_hint="(default: 64, at most a quarter of the tile's side)"),
]
Model = Annotated[str | None, arg(metavar="MODULE:FACTORY", help_behavior_hint="")]
Weights = Annotated[Positional[str], arg(metavar="WEIGHTS")]
