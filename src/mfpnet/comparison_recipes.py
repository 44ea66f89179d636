"""Short training set-ups, the same for every network that is compared with another."""

from __future__ import annotations

from dataclasses import replace

from mfpnet.recipes import Recipe

# short: the same ten short epochs for every network that is compared with another.
#   mfpnet ablate spending --data camvid --root CAMVID
#   One CPU core, four minutes a network at strides 4, 8, 16 and twelve at 2, 4, 8.
SHORT = Recipe(
    epochs=10,
    batch_size=8,
    crop_size=(180, 240),
    input_size=(180, 240),
    scale=(0.75, 1.5),
    optimizer="adamw",
    learning_rate=2e-3,
    weight_decay=1e-2,
    warmup_epochs=0.5,
    ema=0.98,
    loss_stride=2,
)

# ablation: what every network of an ablation is trained with. Frames of half their size, twice as
# many epochs as `short` and crops of two thirds of a frame: what they cost decides how many
# networks and seeds can be compared. The last epochs see whole frames, or the far taps of the
# dilated convolutions would never be used.
#   mfpnet ablate components --data camvid --root CAMVID --split train --evaluate-split test
#   One CPU core with bfloat16 instructions (elsewhere --set precision=fp32 is faster), six to ten
#   minutes a network and seed of mfpnet_fast, three times that of mfpnet.
ABLATION = replace(
    SHORT,
    epochs=20,
    crop_size=(144, 192),
    full_frame_epochs=2,
    ema=0.99,
    precision="bf16",
)

# quick: seconds a network, on drawn streets; for `mfpnet ablate SUITE --quick`.
QUICK = replace(
    SHORT, epochs=6, crop_size=(96, 128), input_size=(96, 128), scale=(0.9, 1.25), ema=0.9
)
