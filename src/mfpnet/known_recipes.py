"""Training set-ups by name. Each begins with its command, hardware, time and expected result."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from mfpnet.comparison_recipes import ABLATION, QUICK, SHORT
from mfpnet.errors import unknown_name
from mfpnet.recipes import Recipe

# camvid: as the paper tells it - Adam, poly, weighted cross-entropy; no EMA, no hard-pixel mining.
#   mfpnet train --recipe camvid --data camvid --root CAMVID --split train+val
#   One GPU, estimated at some 20 minutes; not yet run by us. The paper reports 68.1 % test mIoU.
CAMVID = Recipe(
    epochs=1000,
    batch_size=8,
    crop_size=(360, 480),
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=2e-4,
)

# camvid_strong: what we would train with - Muon, hard pixels, Lovasz in the second half, auxiliary
# heads, crops aimed at rare classes, averaged weights.
#   mfpnet train --recipe camvid_strong --data camvid --root CAMVID --split train+val \
#       --evaluate-split test
#   One GPU, estimated at half an hour; not yet run by us, so no part of it has earned its place.
CAMVID_STRONG = Recipe(
    epochs=1000,
    batch_size=16,
    crop_size=(360, 480),
    scale=(0.5, 1.75),
    colour=0.3,
    optimizer="muon",
    learning_rate=1.6e-2,
    weight_decay=3e-2,
    warmup_epochs=5,
    ohem_threshold=0.7,
    lovasz=0.5,
    auxiliary=0.4,
    rare_crops=0.3,
    ema=0.999,
)

# camvid_half: from random weights at half the size, where an epoch costs a third; `camvid_full`
# goes on from there.
#   mfpnet train --recipe camvid_half --variant mfpnet_fast --data camvid --root CAMVID \
#       --split train+val --threads 1
#   One CPU core with bfloat16 instructions (elsewhere --precision fp32 is faster), 57 minutes
#   beside other work. 53.6 % test mIoU (results/camvid-half.json).
CAMVID_HALF = Recipe(
    epochs=140,
    full_frame_epochs=10,
    batch_size=8,
    crop_size=(144, 192),
    input_size=(180, 240),
    scale=(0.6, 2.0),
    colour=0.35,
    noise=0.05,
    optimizer="muon",
    learning_rate=1.6e-2,
    weight_decay=3e-2,
    warmup_epochs=1,
    lovasz=0.5,
    rare_crops=0.3,
    ema=0.995,
    loss_stride=2,
    precision="bf16",
)

# camvid_full: the second part, at the frames' own size.
#   mfpnet train --recipe camvid_full --variant mfpnet_fast --data camvid --root CAMVID \
#       --split train+val --evaluate-split test --threads 1 --init runs/mfpnet_fast-camvid
#   One CPU core with bfloat16 instructions, 114 minutes beside other work.
#   61.2 % test mIoU (results/mfpnet_fast_camvid-fifth.json); 130 more epochs with class_mix=0.5,
#   83 minutes of two cores, 63.8 % (-sixth.json); 175 more, 119 minutes, 65.4 % (-train.json).
CAMVID_FULL = replace(
    CAMVID_HALF,
    epochs=100,
    full_frame_epochs=8,
    crop_size=(256, 352),
    input_size=None,
    scale=(0.5, 1.75),
    learning_rate=8e-3,
    ema=0.998,
)

# cityscapes: as the paper tells it - SGD, poly, 512x1024.
#   mfpnet train --data cityscapes --root CITYSCAPES --set input_size=512x1024 --evaluate-split val
#   One GPU of 16 GB, of which the frames take 6; without --set, crops of the full frames, which
#   take 25 (docs/cityscapes.md). Estimated at most of a day; not run by us. The paper reports
#   71.5 % mIoU; not measured by us: needs the reader's copy of the data.
CITYSCAPES = Recipe(
    epochs=1000,
    batch_size=8,
    crop_size=(512, 1024),
    scale=(0.5, 2.0),
    optimizer="sgd",
    learning_rate=4.5e-2,
    weight_decay=1e-4,
    warmup_epochs=2,
)

# cityscapes_strong: what we would train with - crops of 1024x1024 of the full frames. Rate, decay,
# warm-up, length, scales and crops aimed at rare classes are those with which RegSeg (Gao 2021)
# trains a network of this kind, also from random weights; hard pixels and auxiliary heads come
# from BiSeNetV2 (Yu et al. 2021).
#   mfpnet train --recipe cityscapes_strong --data cityscapes --root CITYSCAPES \
#       --evaluate-split val --evaluate-every 50
#   One GPU of 80 GB, of which the frames take 25. Estimated at two to four days; not run by us,
#   so no part of it has earned its place.
CITYSCAPES_STRONG = Recipe(
    epochs=1000,
    batch_size=8,
    crop_size=(1024, 1024),
    scale=(0.4, 1.6),
    colour=0.2,
    optimizer="sgd",
    learning_rate=5e-2,
    weight_decay=1e-4,
    warmup_epochs=8,
    class_weights=False,
    ohem_threshold=0.7,
    auxiliary=0.4,
    rare_crops=0.5,
    ema=0.999,
)

# voc: Pascal VOC 2012, things of every size on backgrounds of every kind.
#   mfpnet train --data voc --root VOCdevkit/VOC2012 --split trainaug --evaluate-split val
#   One GPU of 24 GB, of which the frames of trainaug take 8. Not run by us. A network of a million
#   parameters without pre-training is small for this: expect far less than on streets.
VOC = Recipe(
    epochs=200,
    batch_size=16,
    crop_size=(480, 480),
    colour=0.3,
    optimizer="adamw",
    learning_rate=2e-3,
    weight_decay=1e-2,
    warmup_epochs=2,
    class_weights=False,
    rare_crops=0.3,
    ema=0.999,
)

# ade20k: 150 classes. Frames are scaled down to a shorter side of 384, and the loss looks at every
# second row and column: logits of 150 classes are most of the memory of a step.
#   mfpnet train --data ade20k --root ADEChallengeData2016 --evaluate-split val
#   One GPU of 40 GB, of which the frames take 16. Not run by us, and as small for this as for voc.
ADE20K = replace(
    VOC, epochs=120, crop_size=(384, 384), shorter_side=384, rare_crops=0.0, loss_stride=2
)

# idd_lite: what three quarters of an hour of one CPU core give mfpnet_fast from random weights.
#   mfpnet train --variant mfpnet_fast --data idd_lite --root IDD_LITE --evaluate-split val \
#       --evaluate-every 2 --threads 1
#   One CPU core with bfloat16 instructions (elsewhere --precision fp32 is faster), 52 minutes
#   beside other work. 58.5 % mIoU on val (results/idd_lite-run.json).
IDD_LITE = Recipe(
    epochs=16,
    full_frame_epochs=2,
    batch_size=8,
    crop_size=(160, 224),
    scale=(0.6, 1.4),
    colour=0.2,
    optimizer="adamw",
    learning_rate=3e-3,
    weight_decay=1e-2,
    warmup_epochs=0.5,
    lovasz=0.5,
    rare_crops=0.3,
    ema=0.995,
    precision="bf16",
)

# synthetic: procedural streets, for the demo.
#   mfpnet train --recipe synthetic --variant mfpnet_fast --data synthetic --evaluate-split test
#   Two CPU cores, about two minutes of training. 59.8 % mIoU on unseen scenes (results/demo.json).
SYNTHETIC = Recipe(
    epochs=12,
    batch_size=8,
    crop_size=(144, 192),
    input_size=(144, 192),
    scale=(0.9, 1.25),
    optimizer="muon",
    learning_rate=1.6e-2,
    weight_decay=1e-2,
    warmup_epochs=0.5,
    ema=0.98,
    loss_stride=2,
)

# synthetic_long: drawn scenes for weights that carry no licence limit.
#   mfpnet train --recipe synthetic_long --variant mfpnet_fast --data synthetic --scenes 1200 \
#       --evaluate-split test --threads 1
#   One CPU core with bfloat16 instructions (elsewhere --precision fp32 is faster), 29 minutes.
#   71.7 % mIoU on unseen scenes (results/mfpnet_fast_synthetic-train.json).
SYNTHETIC_LONG = Recipe(
    epochs=20,
    batch_size=8,
    crop_size=(180, 240),
    scale=(0.8, 1.4),
    colour=0.2,
    optimizer="adamw",
    learning_rate=3e-3,
    weight_decay=1e-2,
    warmup_epochs=0.5,
    ema=0.995,
    precision="bf16",
)

# shapes60: sixty classes, some of which only something far away decides: no crop cuts that off.
#   mfpnet train --recipe shapes60 --variant mfpnet_fast --data shapes60 --scenes 1200 \
#       --scene-size 144x192 --evaluate-split test --threads 1
#   One CPU core with bfloat16 instructions (elsewhere --precision fp32 is faster), estimated at
#   twenty minutes: half of the epochs took nine, to 24 % on val (results/seeds-shapes60.json).
SHAPES60 = Recipe(
    epochs=20,
    batch_size=8,
    crop_size=(144, 192),
    input_size=(144, 192),
    scale=(0.8, 1.0),
    optimizer="adamw",
    learning_rate=2e-3,
    weight_decay=1e-2,
    warmup_epochs=1,
    ema=0.99,
    loss_stride=2,
    precision="bf16",
)

RECIPES: dict[str, Recipe] = {
    "camvid": CAMVID,
    "camvid_strong": CAMVID_STRONG,
    "camvid_half": CAMVID_HALF,
    "camvid_full": CAMVID_FULL,
    "ade20k": ADE20K,
    "cityscapes": CITYSCAPES,
    "cityscapes_strong": CITYSCAPES_STRONG,
    "idd_lite": IDD_LITE,
    "voc": VOC,
    "synthetic": SYNTHETIC,
    "synthetic_long": SYNTHETIC_LONG,
    "shapes60": SHAPES60,
    "short": SHORT,
    "ablation": ABLATION,
    "quick": QUICK,
}


def get_recipe(name: str) -> Recipe:
    """The named recipe.

    Raises:
        MfpnetError: no recipe has this name.
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]


def told_recipe(name: str, recipe: Recipe) -> str:
    """A recipe's name and what was changed of it, epochs aside: `camvid_full, class_mix=0.5`."""
    if name not in RECIPES:
        return name
    named = asdict(RECIPES[name])
    changed = {k: v for k, v in asdict(recipe).items() if k != "epochs" and v != named[k]}
    return ", ".join([name, *(f"{key}={typed(value)}" for key, value in changed.items())])


def typed(value: object) -> str:
    """A value as one would type it behind --set, without spaces."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
