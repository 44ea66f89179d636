"""The loss of a recipe: its parts, weighed and put together."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from mfpnet.recipes import Recipe
from mfpnet.training.losses import cross_entropy, distillation
from mfpnet.training.lovasz import lovasz_softmax
from mfpnet.training.teachers import Teachers


class Objective:
    """What a batch's logits are worth: (logits, targets, images) to a scalar.

    Args:
        recipe: which parts there are, and how much each counts.
        weight: (C,) weights of the classes, or None.
        ignore_index: the label that is not counted.
        progress: tells how much of the training is over, 0 to 1.
        teachers: whose opinion counts `recipe.distillation` beside the targets, or None.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        weight: Tensor | None,
        ignore_index: int,
        progress: Callable[[], float],
        teachers: Teachers | None = None,
    ) -> None:
        self.recipe, self.weight, self.ignore_index = recipe, weight, ignore_index
        self.progress, self.teachers = progress, teachers

    def __call__(
        self, logits: Tensor | tuple[Tensor, ...], target: Tensor, images: Tensor
    ) -> Tensor:
        """The loss of a batch, a float32 scalar.

        Args:
            logits: (B, C, h, w), or those of the network followed by those of auxiliary heads;
                (h, w) is (H, W) over the recipe's `loss_stride`, rounded up.
            target: (B, h, w) int64.
            images: (B, 3, H, W) normalised, 0 outside the frame.
        """
        main, *others = (logits,) if isinstance(logits, Tensor) else logits
        loss = self._taught_by_targets(main, target)
        if self.teachers:
            share = self.recipe.distillation
            loss = (1 - share) * loss + share * self._taught_by_teachers(main, images)
        for each in others:
            loss = loss + self.recipe.auxiliary * self._entropy(each, target)
        return loss

    def _entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(
            logits,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            ohem_threshold=self.recipe.ohem_threshold,
        )

    def _taught_by_targets(self, logits: Tensor, target: Tensor) -> Tensor:
        loss = self._entropy(logits, target)
        if self.recipe.lovasz and self.progress() >= self.recipe.lovasz_from:
            smooth = lovasz_softmax(logits, target, ignore_index=self.ignore_index)
            loss = loss + self.recipe.lovasz * smooth
        return loss

    def _taught_by_teachers(self, logits: Tensor, images: Tensor) -> Tensor:
        assert self.teachers is not None
        stride = self.recipe.loss_stride
        opinion = self.teachers(images, stride)
        inside = images.any(dim=1)[:, ::stride, ::stride]
        return distillation(logits, opinion, inside, temperature=self.teachers.temperature)
