from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mask_folders import SIZE, Array, areas, smoothed, textured, write_folder
from mfpnet.data.cityscapes_labels import LABELS
from mfpnet.data.voc import VOC
from mfpnet.errors import MfpnetError
from mfpnet.labels import CAMVID, voc_colour
from mfpnet.masks.class_file import CLASS_FILE, read_classes, write_classes
from mfpnet.masks.counts import Tally, count_plane
from mfpnet.masks.files import read_saved_mask
from mfpnet.masks.survey import Proposal, propose_classes

COLOURS = ((0, 0, 0), (128, 64, 128), (220, 20, 60), (0, 128, 192))
Masks = Sequence[Array | PIL.Image.Image]


def grey(classes: int, factor: int = 1, count: int = 10) -> list[Array]:
    return [(areas(classes, seed) * factor).astype(np.uint8) for seed in range(count)]


def coloured(palette: Sequence[Sequence[int]], count: int = 10) -> list[Array]:
    table = np.array(palette, dtype=np.uint8)
    return [table[areas(len(palette), seed)] for seed in range(count)]


def paletted(classes: int, palette: Sequence[Sequence[int]]) -> list[PIL.Image.Image]:
    pictures = [PIL.Image.fromarray(mask) for mask in grey(classes)]
    for picture in pictures:
        picture.putpalette([part for colour in palette for part in colour])
    return pictures


def proposal(root: Path, masks: Masks) -> Proposal:
    return propose_classes(write_folder(root, masks), root)


def held(found: Proposal) -> list[int]:
    """The one value of each class."""
    return [value for (value,) in found.classes.values]


def complaint(root: Path, masks: Masks) -> str:
    with pytest.raises(MfpnetError) as error:
        proposal(root, masks)
    return str(error.value)


def test_pixels_inside_of_areas_and_between_others_are_counted() -> None:
    keys = np.array([[0, 4, 9, 9, 9], [0, 4, 9, 9, 9], [0, 0, 9, 9, 9]], np.uint8)
    distinct, (pixels, inner, between) = count_plane(keys)
    assert distinct.tolist() == [0, 4, 9]
    assert pixels.tolist() == [4, 2, 9]
    # 0: the lower left corner only; 9: the two columns at the edge, beyond which nothing counts.
    assert inner.tolist() == [1, 0, 6]
    assert between.tolist() == [0, 2, 0]


def test_index_masks_have_a_class_for_each_value(tmp_path: Path) -> None:
    found = proposal(tmp_path, grey(4))
    assert (found.classes.masks, held(found)) == ("index", [0, 1, 2, 3])
    assert found.classes.labels.classes == ("class 0", "class 1", "class 2", "class 3")
    assert (found.classes.ignore, found.classes.unlisted) == ((255,), "error")
    assert found.notes[0].startswith("masks are 8-bit grey (10)")


def test_four_grey_levels_are_four_classes_255_among_them(tmp_path: Path) -> None:
    found = proposal(tmp_path, grey(4, 85))
    assert (held(found), found.classes.ignore) == ([0, 85, 170, 255], ())
    assert "is taken as a class: the values 0, 85, 170, 255 are spread" in found.notes[1]


def test_255_beside_small_values_is_void(tmp_path: Path) -> None:
    masks = grey(4)
    for mask in masks:
        mask[:5] = 255
    found = proposal(tmp_path, masks)
    assert (held(found), found.classes.ignore) == ([0, 1, 2, 3], (255,))
    assert found.notes[1] == (
        "255 (10.4 % of the pixels) is ignored, as void: the other values are 0 to 3."
    )


@pytest.mark.parametrize("one_bit", [False, True])
def test_two_levels_are_background_and_foreground(one_bit: bool, tmp_path: Path) -> None:
    pictures = [PIL.Image.fromarray(mask) for mask in grey(2, 255)]
    found = proposal(tmp_path, [each.convert("1") if one_bit else each for each in pictures])
    assert (found.classes.masks, held(found)) == ("binary", [0, 255])
    assert found.classes.labels.classes == ("background", "foreground")
    read = found.classes.read_mask(tmp_path / "masks" / "f003.png")
    assert (read == areas(2, 3)).all()


def test_two_levels_of_16_bits_are_background_and_foreground(tmp_path: Path) -> None:
    masks = [each.astype(np.uint16) * 65535 for each in grey(2)]
    blank = PIL.Image.new("1", SIZE[::-1])
    found = proposal(tmp_path, [*masks, blank])
    assert (found.classes.masks, held(found)) == ("binary", [0, 65535])
    assert found.classes.labels.classes == ("background", "foreground")
    assert found.notes[0].endswith("a pixel is 0 or 65535.")
    write_classes(tmp_path / CLASS_FILE, found.classes)
    for known in (found.classes, read_classes(tmp_path / CLASS_FILE)):
        read = known.read_mask(tmp_path / "masks" / "f003.png")
        assert (read == areas(2, 3)).all()


def test_smoothed_two_levels_lose_their_borders(tmp_path: Path) -> None:
    large = [areas(2, seed, (192, 256)) for seed in range(10)]
    found = proposal(tmp_path, [smoothed(each, ((0,), (255,)), 4) for each in large])
    assert (found.classes.masks, held(found)) == ("binary", [0, 255])
    assert found.classes.unlisted == "ignore"
    assert "15 grey values between those of the classes" in found.notes[-1]


@pytest.mark.parametrize("filter_name", ["BILINEAR", "BICUBIC", "LANCZOS"])
@pytest.mark.parametrize("levels", [(0, 255), (0, 85, 170, 255)])
def test_resized_grey_masks_keep_their_levels(
    filter_name: str, levels: tuple[int, ...], tmp_path: Path
) -> None:
    size = PIL.Image.Resampling[filter_name]
    large = [areas(len(levels), seed, (480, 640)) for seed in range(20)]
    drawn = [PIL.Image.fromarray(np.array(levels, np.uint8)[each]) for each in large]
    found = proposal(tmp_path, [each.resize((256, 192), size) for each in drawn])
    assert (held(found), found.classes.unlisted) == (list(levels), "ignore")
    assert not set(levels) & set(found.classes.ignore)


@pytest.mark.parametrize("seed", range(5))
def test_thin_classes_of_tiny_masks_are_no_blends(seed: int, tmp_path: Path) -> None:
    masks = [areas(30, 1000 * seed + each, (12, 16)).astype(np.uint8) for each in range(5)]
    found = proposal(tmp_path, masks)
    assert held(found) == np.unique(masks).tolist()
    assert found.classes.unlisted == "error"


def test_colours_are_classes_black_first_then_by_frequency(tmp_path: Path) -> None:
    masks = coloured(COLOURS)
    found = proposal(tmp_path, masks)
    labels = found.classes.labels
    assert found.classes.masks == "colour"
    assert labels.classes[0] == "background"
    pixels = [sum(int((mask == c).all(axis=2).sum()) for mask in masks) for c in labels.palette]
    assert set(labels.palette) == set(COLOURS)
    assert pixels[1:] == sorted(pixels[1:], reverse=True)
    assert any("black" in note and "put [0, 0, 0] under `ignore`" in note for note in found.notes)


def test_smoothed_colours_go_to_ignore_with_their_share(tmp_path: Path) -> None:
    large = [areas(4, seed, (192, 256)) for seed in range(10)]
    masks = [smoothed(each, COLOURS, 4) for each in large]
    found = proposal(tmp_path, masks)
    assert set(found.classes.labels.palette) == set(COLOURS)
    assert found.classes.unlisted == "ignore"
    pure = [(mask[..., None, :] == np.array(COLOURS)).all(axis=3).any(axis=2) for mask in masks]
    share = 1 - np.mean(pure)
    assert f"{100 * share:.1f} % of the pixels" in found.notes[-1]
    target = found.classes.read_mask(tmp_path / "masks" / "f000.png")
    assert ((target == 255) == ~pure[0]).all()


def test_a_filled_class_stays_however_near_its_colour_is(tmp_path: Path) -> None:
    near = (COLOURS[1][0], COLOURS[1][1], COLOURS[1][2] + 9)
    large = [areas(4, seed, (192, 256)) for seed in range(10)]
    for labels in large:
        labels[40:60, 40:60] = 4
    found = proposal(tmp_path, [smoothed(each, (*COLOURS, near), 4) for each in large])
    assert set(found.classes.labels.palette) == {*COLOURS, near}
    assert found.classes.unlisted == "ignore"


def test_a_slip_beside_smoothed_borders_is_told_of(tmp_path: Path) -> None:
    masks = [smoothed(areas(4, seed, (384, 512)), COLOURS, 4) for seed in range(10)]
    masks[3][20:28, 20:28] = (COLOURS[0][0], COLOURS[0][1], COLOURS[0][2] + 2)
    found = proposal(tmp_path, masks)
    assert set(found.classes.labels.palette) == set(COLOURS)
    assert "looks like a slip and is taken for no class. It is ignored" in found.notes[-1]


def test_a_thin_class_is_no_blended_border(tmp_path: Path) -> None:
    masks = coloured(COLOURS)
    for mask in masks:
        mask[:, 10] = (64, 0, 128)
    found = proposal(tmp_path, masks)
    assert (64, 0, 128) in found.classes.labels.palette
    assert found.classes.unlisted == "error"


def test_black_outlines_are_void(tmp_path: Path) -> None:
    masks = coloured(((200, 0, 0), (0, 200, 0), (0, 0, 200)))
    for mask in masks:
        mask[10], mask[:, 20] = 0, 0
    found = proposal(tmp_path, masks)
    assert (0, 0, 0) not in found.classes.labels.palette
    assert found.classes.ignore == (0,)


def test_palette_colours_are_the_classes_colours(tmp_path: Path) -> None:
    found = proposal(tmp_path, paletted(4, COLOURS))
    assert (found.classes.masks, held(found)) == ("index", [0, 1, 2, 3])
    assert found.classes.labels.palette == COLOURS


def test_palettes_that_differ_mean_that_colours_are_classes(tmp_path: Path) -> None:
    masks = paletted(4, COLOURS)
    turned = [part for colour in reversed(COLOURS) for part in colour]
    masks[0] = PIL.Image.fromarray(3 - np.array(masks[0]))
    masks[0].putpalette(turned)
    found = proposal(tmp_path, masks)
    assert (found.classes.masks, set(found.classes.labels.palette)) == ("colour", set(COLOURS))


def test_a_blank_black_and_white_mask_among_palettes_that_differ_changes_nothing(
    tmp_path: Path,
) -> None:
    masks: list[PIL.Image.Image] = []
    for drawn in grey(4):
        # As an optimiser saves them: colours in order of appearance, black alone in one bit.
        order = list(dict.fromkeys(drawn.ravel().tolist()))
        table = np.array([order.index(v) if v in order else 0 for v in range(4)], np.uint8)
        masks.append(PIL.Image.fromarray(table[drawn]))
        masks[-1].putpalette([part for value in order for part in COLOURS[value]])
    found = proposal(tmp_path, [*masks, PIL.Image.new("1", SIZE[::-1])])
    assert (found.classes.masks, set(found.classes.labels.palette)) == ("colour", set(COLOURS))
    target = found.classes.read_mask(tmp_path / "masks" / "f003.png")
    drawn_in = np.array(found.classes.labels.palette)[target]
    assert (drawn_in == np.array(COLOURS)[grey(4)[3]]).all()
    assert not found.classes.read_mask(tmp_path / "masks" / "f010.png").any()


def test_grey_saved_as_rgb_is_index(tmp_path: Path) -> None:
    found = proposal(tmp_path, [np.repeat(mask[..., None], 3, axis=2) for mask in grey(4)])
    assert (found.classes.masks, held(found)) == ("index", [0, 1, 2, 3])
    assert (found.classes.read_mask(tmp_path / "masks" / "f002.png") == areas(4, 2)).all()


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    masks = []
    for mask in coloured(COLOURS):
        clear = (mask == COLOURS[3]).all(axis=2)
        masks.append(np.dstack([mask, np.where(clear, 0, 255).astype(np.uint8)]))
    found = proposal(tmp_path, masks)
    assert set(found.classes.labels.palette) == set(COLOURS[:3])
    assert any("are transparent and count as black" in note for note in found.notes)


def test_300_classes_in_16_bits(tmp_path: Path) -> None:
    masks = [
        (np.arange(48 * 64).reshape(SIZE) // 64 // 4 * 25 + s).astype(np.uint16) for s in range(25)
    ]
    found = proposal(tmp_path, masks)
    assert (held(found), found.classes.ignore) == (list(range(300)), (65535,))
    target = found.classes.read_mask(tmp_path / "masks" / "f007.png")
    assert target.dtype == np.uint16
    assert (target == masks[7]).all()


@pytest.mark.parametrize("classes", [256, 300])
def test_more_classes_than_8_bits_tell_apart_are_refused(classes: int, tmp_path: Path) -> None:
    blocks = np.kron(np.arange(classes).reshape(-1, 4), np.ones((4, 8), dtype=int))
    text = complaint(tmp_path, [(blocks % 256).astype(np.uint8)] * 2)
    assert "use all 256 values of 8 bits" in text
    assert "16-bit PNG" in text
    assert "`classes: 256`" in text


@pytest.mark.parametrize("channels", [1, 3])
def test_photographs_are_no_masks(channels: int, tmp_path: Path) -> None:
    photos = [textured(areas(5, seed), seed)[..., :channels].squeeze() for seed in range(6)]
    text = complaint(tmp_path, photos)
    assert "the masks look like pictures" in text
    assert "images and masks are not exchanged" in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "all 5 masks hold the value 0 (15360 pixels) and nothing else: that is one class only"),
        (255, "all 5 masks hold the value 255 (15360 pixels) and nothing else, which is void"),
    ],
)
def test_nothing_to_tell_apart_is_refused(value: int, expected: str, tmp_path: Path) -> None:
    assert complaint(tmp_path, [np.full(SIZE, value, np.uint8)] * 5).startswith(expected)


def test_one_class_beside_void_is_refused(tmp_path: Path) -> None:
    masks = [np.where(mask == 1, 255, 3).astype(np.uint8) for mask in grey(2)]
    assert "of which 255 is void: that is one class only" in complaint(tmp_path, masks)


def test_a_lonely_value_is_a_slip_that_reading_names(tmp_path: Path) -> None:
    masks = grey(4, count=12)
    masks[3][5, 7] = 77
    found = proposal(tmp_path, masks)
    assert held(found) == [0, 1, 2, 3]
    command = f"mfpnet data inspect --data {tmp_path} --write --ignore 77"
    assert command in found.notes[-1]
    with pytest.raises(
        MfpnetError, match=r"f003\.png' holds the value 77 \(1 pixel\).*--ignore 77"
    ):
        found.classes.read_mask(tmp_path / "masks" / "f003.png")


@pytest.mark.parametrize("value", [1, 128, 254])
def test_a_stray_pixel_beside_two_levels_is_a_slip_that_reading_names(
    value: int, tmp_path: Path
) -> None:
    masks = grey(2, 255, count=20)
    masks[3][5, 7] = value
    found = proposal(tmp_path, masks)
    assert (found.classes.masks, held(found), found.classes.ignore) == ("binary", [0, 255], ())
    assert f"the value {value} (1 pixel), in 1 mask only" in found.notes[-1]
    assert f"mfpnet data inspect --data {tmp_path} --write --ignore {value}" in found.notes[-1]
    with pytest.raises(MfpnetError, match=rf"f003\.png' holds the value {value} \(1 pixel\)"):
        found.classes.read_mask(tmp_path / "masks" / "f003.png")


def test_a_thin_class_beside_void_is_no_slip(tmp_path: Path) -> None:
    masks = grey(2, 255, count=20)
    for mask in masks[::5]:
        mask[:, 10] = 1
    found = proposal(tmp_path, masks)
    assert (found.classes.masks, held(found), found.classes.ignore) == ("index", [0, 1], (255,))


def test_an_unreadable_mask_does_not_stop_the_survey(tmp_path: Path) -> None:
    pairs = write_folder(tmp_path, grey(4))
    pairs[4].mask.write_bytes(b"no picture")
    found = propose_classes(pairs, tmp_path)
    assert held(found) == [0, 1, 2, 3]
    assert "1 mask cannot be read" in found.notes[0]
    assert "f004.png" in found.notes[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("labelmap.txt", "# label:color_rgb:parts:actions\nvoid:0,0,0::\nroad:128,64,128::\n"
         "a man:220,20,60::\nsky:0,128,192::\n"),
        ("label_colors.txt", "0 0 0\t\tvoid\n128 64 128\troad\n220 20 60 a man\n0 128 192 sky\n"),
        ("class_dict.csv", "name,r,g,b\nvoid,0,0,0\nroad,128,64,128\n"
         "a man,220,20,60\nsky,0,128,192\n"),
    ],
)  # fmt: skip
def test_names_come_from_a_file_with_colours(file: str, text: str, tmp_path: Path) -> None:
    pairs = write_folder(tmp_path, coloured(COLOURS))
    (tmp_path / file).write_text(text)
    found = propose_classes(pairs, tmp_path)
    assert found.classes.labels.classes == ("road", "a man", "sky")
    assert found.classes.labels.palette == COLOURS[1:]
    assert found.classes.ignore == (0,)
    assert f"names are from {tmp_path / file}." in found.notes


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "ground\nwall\nroof\ntree\n"),
        ("labels.txt", "__ignore__\nground\nwall\nroof\ntree\n"),
        ("_classes.csv", "Pixel Value, Class\n0, ground\n1, wall\n2, roof\n3, tree\n"),
    ],
)
def test_names_come_from_a_file_of_values(file: str, text: str, tmp_path: Path) -> None:
    pairs = write_folder(tmp_path, grey(4))
    (tmp_path / file).write_text(text)
    found = propose_classes(pairs, tmp_path)
    assert found.classes.labels.classes == ("ground", "wall", "roof", "tree")


def test_names_are_given_to_grey_levels_in_order(tmp_path: Path) -> None:
    pairs = write_folder(tmp_path, grey(4, 85))
    (tmp_path / "classes.txt").write_text("a\nb\nc\nd\n")
    found = propose_classes(pairs, tmp_path)
    assert (found.classes.labels.classes, held(found)) == (("a", "b", "c", "d"), [0, 85, 170, 255])


def test_a_file_that_does_not_fit_is_not_used(tmp_path: Path) -> None:
    pairs = write_folder(tmp_path, grey(4))
    (tmp_path / "classes.txt").write_text("a\nb\n")
    found = propose_classes(pairs, tmp_path)
    assert found.classes.labels.classes[0] == "class 0"
    assert f"{tmp_path / 'classes.txt'} is not used" in found.notes[-1]


def test_known_sets_are_recognised_by_their_colours(tmp_path: Path) -> None:
    camvid = proposal(tmp_path / "a", coloured((*CAMVID.palette, (0, 0, 0))))
    assert camvid.classes.labels.classes == CAMVID.classes
    assert camvid.classes.ignore == (0,)
    cityscapes = proposal(tmp_path / "b", coloured([each.colour for each in LABELS], 20))
    scored = tuple(each.name for each in LABELS if not each.ignored)
    assert cityscapes.classes.labels.classes == scored
    voc = proposal(tmp_path / "c", coloured([*VOC.palette, voc_colour(255)], 30))
    assert voc.classes.labels.classes == VOC.classes


def test_the_tally_is_bounded(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    write_folder(tmp_path, [noise])
    tally = Tally()
    tally.add(read_saved_mask(tmp_path / "masks" / "f000.png"), tmp_path)
    assert len(tally.seen) <= 2048
    assert sum(each.pixels for each in tally.seen.values()) + tally.rest == tally.pixels
