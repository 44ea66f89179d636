"""Somebody else's network, named `package.module:factory`, behind the face of our own.

Naming one runs its code. Only the command line or the caller can do so, never a file alone.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.info import ModelInfo
from mfpnet.layers import resize, spatial_size

# Where an error's place says nothing: inside PyTorch, and here.
_NOT_THEIRS = (str(Path(torch.__file__).parent) + os.sep, __file__)


def is_foreign(name: str) -> bool:
    """Whether a network's name is that of somebody else's: `package.module:factory`."""
    return ":" in name


def foreign_name(variant: str) -> str | None:
    """What `--model` has to name for a run or weights of this network, None for one of ours."""
    return variant if is_foreign(variant) else None


def file_name(name: str) -> str:
    """A network's name or path as part of a file's: not every system can have a colon there."""
    return name.replace(":", ".").replace("/", ".")


def check_consent(model: str | None, named: str | None, path: Path) -> None:
    """Make sure that a file and the caller mean the same foreign network, or both none.

    Args:
        model: what the caller names.
        named: what the file names.
        path: the file.

    Raises:
        MfpnetError: code would run that only the file names, or the file is of another network.
    """
    if model == named:
        return
    if named is None:
        raise MfpnetError(
            f"'{path}' belongs to a network of mfpnet itself: leave out --model {model}."
        )
    given = f", and --model is {model}" if model else ""
    raise MfpnetError(
        f"'{path}' belongs to somebody else's network{given}. Its code is not in the file, and is "
        f"run only if you name it: --model {named}"
    )


class ForeignNetwork(nn.Module):
    """A wrapped network: (B, channels, H, W) normalised -> (B, num_classes, H, W) logits.

    Args:
        network: returns logits, a tuple or list that begins with them, or a dict with them as
            `out`, at any size.
        spec: what it was named by.
        num_classes: channels of the logits.
    """

    info: ModelInfo | None = None

    def __init__(self, network: nn.Module, spec: str, num_classes: int) -> None:
        super().__init__()
        self.network, self.spec, self.num_classes = network, spec, num_classes

    def forward(self, image: Tensor, stride: int = 1) -> Tensor:
        """See the class. With a stride, (H, W) is divided by it, rounded up.

        Raises:
            MfpnetError: the network fails, returns something else, or another number of channels.
        """
        # A compiler would have to follow the search for the error's place.
        called = self.network if torch.compiler.is_compiling() else self._called
        logits = _logits(called(image), self.spec)
        if logits.shape[1] != self.num_classes:
            raise MfpnetError(
                f"{self.spec} returned {logits.shape[1]} channels for {self.num_classes} classes: "
                f"its factory must use num_classes."
            )
        height, width = spatial_size(image)
        return resize(logits, (-(-height // stride), -(-width // stride)))

    def _called(self, image: Tensor) -> object:
        try:
            return self.network(image)
        except MfpnetError:
            raise
        except Exception as error:  # somebody else's code can raise anything
            raise MfpnetError(
                f"{self.spec} failed on a batch of shape {tuple(image.shape)}: {_told(error)}"
            ) from error


def foreign_network(spec: str, num_classes: int, in_channels: int = 3) -> ForeignNetwork:
    """Import `package.module` and wrap what its `factory(num_classes=...)` returns.

    Of other than three channels, the factory is told of `in_channels` too.
    The module is looked for in the current folder, then in what is installed, as `python -m` does.

    Raises:
        MfpnetError: there is no such module or factory, one of them fails, or what comes back
            cannot be trained.
    """
    module_name, _, name = spec.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), name)):
        raise MfpnetError(
            f"'{spec}' names no network: write package.module:factory, as in peers.light:tinynet."
        )
    factory = _factory(_module(module_name, spec), name)
    wanted = {"num_classes": num_classes}
    if in_channels != 3:
        wanted["in_channels"] = in_channels
    return ForeignNetwork(_build(factory, spec, wanted), spec, num_classes)


def _module(name: str, spec: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:  # somebody else's module can raise anything
        if isinstance(error, ModuleNotFoundError) and _leads_to(error.name, name):
            raise MfpnetError(
                f"there is no module '{error.name}' for {spec}, neither in the current folder "
                f"({here}) nor among what is installed."
            ) from error
        raise MfpnetError(f"importing '{name}' failed: {_told(error)}") from error


def _leads_to(missing: str | None, name: str) -> bool:
    """Whether the missing module is the wanted one or a package around it, not one it imports."""
    return f"{name}.".startswith(f"{missing}.")


def _factory(module: ModuleType, name: str) -> Callable[..., Any]:
    known = vars(module)
    if name not in known:
        callables = {k: v for k, v in known.items() if callable(v) and k[0] != "_"}
        own = [k for k, v in callables.items() if getattr(v, "__module__", "") == module.__name__]
        raise unknown_name(f"factory in module {module.__name__}:", name, own or callables)
    factory = known[name]
    if not callable(factory):
        raise MfpnetError(
            f"'{name}' of module {module.__name__} is {_kind(factory)} and cannot be called: name "
            f"a function or a class that takes num_classes."
        )
    found: Callable[..., Any] = factory
    return found


def _build(factory: Callable[..., Any], spec: str, wanted: dict[str, int]) -> nn.Module:
    names = " and ".join(wanted)
    try:
        inspect.signature(factory).bind(**wanted)
    except (TypeError, ValueError) as error:  # the latter where a builtin tells no signature
        raise MfpnetError(
            f"{spec} cannot be called with {names} alone ({error}): write a factory that takes "
            f"{names} and nothing else that has no default."
        ) from error
    try:
        network = factory(**wanted)
    except MfpnetError:
        raise
    except Exception as error:  # likewise
        raise MfpnetError(f"{spec} failed: {_told(error)}") from error
    if not isinstance(network, nn.Module):
        raise MfpnetError(f"{spec} returned {_kind(network)}, not a torch.nn.Module.")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise MfpnetError(f"{spec} returned a network without any parameter to train.")
    return network


def _logits(returned: object, spec: str) -> Tensor:
    found = returned
    if isinstance(returned, dict):
        found = returned.get("out")
    elif isinstance(returned, tuple | list) and returned:
        found = returned[0]
    if isinstance(found, Tensor) and found.ndim == 4:
        return found
    raise MfpnetError(
        f"{spec} returned {_kind(returned)}, where logits (B, classes, H, W) belong: a tensor, the "
        f"first of a tuple or list, or the entry 'out' of a dict."
    )


def _kind(value: object) -> str:
    """What a value is, in words: `a tensor of shape (2, 3)`, `a tuple of int, Tensor`, ..."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, dict):
        return f"a dict with keys {', '.join(map(repr, value)) or 'none'}"
    if isinstance(value, tuple | list):
        inside = ", ".join(type(item).__name__ for item in value) or "nothing"
        return f"a {type(value).__name__} of {inside}"
    return f"a value of type {type(value).__name__}"


def _told(error: Exception) -> str:
    """An error in somebody else's code with the place where it came up."""
    if isinstance(error, SyntaxError):  # its text names the place
        return f"SyntaxError: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if not each.filename.startswith(_NOT_THEIRS)]
    frame = (own or frames)[-1]
    return f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})"
