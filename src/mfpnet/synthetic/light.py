"""Weather, light and colours of a synthetic street.

Colours overlap between the classes on purpose: what a pixel is must follow from shape, texture
and context. Pictures are float32 (H, W, 3), 0 to 255.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Colour = tuple[int, int, int]
Palette = tuple[Colour, Colour, Colour, Colour, Colour]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Weather:
    """Light of one scene.

    ``sun``, ``night``, ``rain`` and ``clouds`` run from 0 (none) to 1, ``sun_side`` from -1 (left)
    to 1; ``fog`` is per metre; ``gain`` per channel is colour cast times exposure; ``noise`` is a
    deviation in grey levels, ``blur`` a radius in pixels at 240 rows.
    """

    sun: float
    sun_side: float
    night: float
    fog: float
    rain: float
    zenith: Colour
    skyline: Colour
    clouds: float
    gain: tuple[float, float, float]
    contrast: float
    noise: float
    blur: float


def draw_weather(rng: np.random.Generator) -> Weather:
    """Sun, overcast, dusk or night; fog, rain, exposure and colour cast on top."""
    kind = str(rng.choice(["sun", "overcast", "dusk", "night"], p=[0.48, 0.32, 0.15, 0.05]))
    zenith, skyline = _sky(rng, kind)
    night = {"night": rng.uniform(0.5, 0.75), "dusk": rng.uniform(0.1, 0.4)}.get(kind, 0.0)
    tint = rng.normal(0.0, 0.04, 3) + rng.choice([-1, 1]) * np.array([0.05, 0.0, -0.05])
    return Weather(
        sun={"sun": rng.uniform(0.5, 1.0), "dusk": rng.uniform(0.0, 0.6)}.get(kind, 0.0),
        sun_side=float(rng.uniform(-1.0, 1.0)),
        night=float(night),
        fog=float(rng.choice([0.001, rng.uniform(0.003, 0.014)], p=[0.75, 0.25])),
        rain=float(rng.uniform(0.3, 1.0)) if kind != "sun" and rng.random() < 0.35 else 0.0,
        zenith=zenith,
        skyline=skyline,
        clouds=float(rng.uniform(0.0, 0.2)),
        gain=tuple((rng.uniform(0.75, 1.2) * (1.0 + tint)).tolist()),
        contrast=float(rng.uniform(0.8, 1.2)),
        noise=float(rng.uniform(1.0, 4.0)),
        blur=float(rng.choice([0.0, rng.uniform(0.3, 0.6)])),
    )


def _sky(rng: np.random.Generator, kind: str) -> tuple[Colour, Colour]:
    if kind == "overcast":
        grey = rng.uniform(0.5, 0.92)
        return hsv(0.6, rng.uniform(0, 0.12), grey), hsv(0.6, rng.uniform(0, 0.1), grey + 0.06)
    if kind == "night":
        top = hsv(rng.uniform(0.55, 0.75), rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.25))
        return top, hsv(rng.uniform(0.0, 1.0), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.45))
    if kind == "dusk":
        top = hsv(rng.uniform(0.55, 0.85), rng.uniform(0.2, 0.5), rng.uniform(0.35, 0.75))
        return top, hsv(rng.uniform(0.0, 0.13), rng.uniform(0.3, 0.7), rng.uniform(0.7, 1.0))
    top = hsv(rng.uniform(0.52, 0.64), rng.uniform(0.2, 0.65), rng.uniform(0.6, 0.95))
    return top, hsv(rng.uniform(0.5, 0.62), rng.uniform(0.0, 0.3), rng.uniform(0.8, 1.0))


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """An RGB colour, 0 to 255; arguments 0 to 1, value clipped, hue wrapped."""
    saturation, value = min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)
    r, g, b = colorsys.hsv_to_rgb(float(hue) % 1.0, float(saturation), float(value))
    return int(255 * r), int(255 * g), int(255 * b)


def any_colour(rng: np.random.Generator, strength: float = 0.6) -> Colour:
    """Any hue and lightness; four in ten are greys, ``strength`` bounds the saturation."""
    return _colour(rng.random(4).tolist(), strength)


def _colour(draws: list[float], strength: float) -> Colour:
    grey, hue, share, value = draws
    saturation = 0.12 * share if grey < 0.4 else 0.1 + (strength - 0.1) * share
    return hsv(hue, saturation, 0.18 + 0.77 * value)


def ground_colour(rng: np.random.Generator) -> Colour:
    """Asphalt or paving: grey from dark to light, now and then reddish, sandy or bluish."""
    hue = rng.choice([0.02, 0.09, 0.6, 0.3])
    return hsv(hue, rng.choice([0.05, 0.12, 0.3], p=[0.55, 0.33, 0.12]), rng.uniform(0.25, 0.8))


def marking_colour(rng: np.random.Generator) -> Colour:
    """White or yellow, fresh or worn."""
    return hsv(0.12, rng.choice([0.05, 0.6], p=[0.8, 0.2]), rng.uniform(0.65, 1.0))


def palette(rng: np.random.Generator, kind: str) -> Palette:
    """Main, second, third, dark and light colour of one thing; ``kind`` as in the layout."""
    *draws, (a, b, c, d) = rng.random((4, 4)).tolist()
    main, second, third = (_colour(four, 0.6) for four in draws)
    dark = hsv(0.5 + 0.2 * a, 0.3 * b, 0.12 + 0.23 * c)
    light = hsv(0.05 + 0.12 * b, 0.3 * d, 0.8 + 0.2 * a)
    if kind in ("tree", "bush"):
        main, third = _leaves(rng)
        second = hsv(rng.uniform(0.04, 0.1), rng.uniform(0.1, 0.5), rng.uniform(0.18, 0.5))
    elif kind == "building":
        hue, strength = rng.choice([0.03, 0.1, 0.1, rng.uniform(0, 1)]), rng.uniform(0, 0.5)
        main = hsv(hue, strength, rng.uniform(0.3, 0.95))
        second = hsv(hue, strength * 0.4, rng.uniform(0.3, 1.0))
    elif kind in ("pole", "bollard"):
        main = any_colour(rng, 0.25)
    elif kind in ("pedestrian", "bicyclist"):
        third = hsv(rng.uniform(0.04, 0.09), rng.uniform(0.3, 0.6), rng.uniform(0.35, 0.95))
    elif kind == "sign":
        main = hsv(rng.random(), rng.choice([0.1, rng.uniform(0.5, 1.0)]), rng.uniform(0.3, 1.0))
        second = light if sum(main) < 360 or rng.random() < 0.3 else dark
    elif kind == "car":
        third = hsv(rng.uniform(-0.03, 0.04), 0.8, rng.uniform(0.5, 0.95))
    return main, second, third, dark, light


def _leaves(rng: np.random.Generator) -> tuple[Colour, Colour]:
    hue = float(rng.choice([rng.uniform(0.17, 0.4), rng.uniform(0.0, 0.16)], p=[0.72, 0.28]))
    strength, value = rng.uniform(0.2, 0.7), rng.uniform(0.25, 0.7)
    lighter = hsv(hue - 0.03, strength, value * 1.25)
    return hsv(hue, strength, value), lighter


def backdrop(weather: Weather, height: int, horizon: float) -> npt.NDArray[np.uint8]:
    """The sky's colour of every row (H, 3), from the zenith's to the skyline's."""
    share = np.clip(np.arange(height) / max(horizon, 1.0), 0.0, 1.0)[:, None] ** 1.3
    blend = np.array(weather.zenith) * (1 - share) + np.array(weather.skyline) * share
    return blend.astype(np.uint8)


def weathered(
    picture: Floats, inverse_depth: Floats, sky: npt.NDArray[np.bool_], weather: Weather
) -> Floats:
    """Fog by distance, and the dark and the headlights of the night."""
    if weather.night > 0:
        lamp = np.clip(4.0 * inverse_depth, 0.0, 0.6) * weather.night
        bright = np.where(sky, 1.0 - 0.3 * weather.night, 1.0 - weather.night + lamp)
        picture = picture * bright[..., None].astype(np.float32)
    haze = 1.0 - np.exp(-weather.fog / inverse_depth)
    haze = np.where(sky, min(0.85, weather.fog * 25), haze)[..., None].astype(np.float32)
    return np.asarray(picture + haze * (np.array(weather.skyline, dtype=np.float32) - picture))


def exposed(picture: Floats, weather: Weather, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """What the camera makes of it: rain, blur, exposure, colour cast, vignette and noise."""
    height, width = picture.shape[:2]
    gain = np.array(weather.gain, dtype=np.float32) * weather.contrast
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    columns = np.linspace(-1, 1, width, dtype=np.float32) ** 2
    vignette = 1.0 - 0.1 * (rows + columns)
    picture = picture * vignette[..., None] * gain + np.float32(128 * (1 - weather.contrast))
    grain = rng.standard_normal((height, width), dtype=np.float32) * np.float32(weather.noise)
    picture += grain[..., None]
    if weather.rain > 0:
        picture += _rain(rng, height, width, weather.rain)[..., None]
    result = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    if weather.blur > 0:
        result = result.filter(ImageFilter.GaussianBlur(weather.blur * height / 240))
    return np.asarray(result)


def _rain(rng: np.random.Generator, height: int, width: int, strength: float) -> Floats:
    """Streaks of light, a few pixels long."""
    streaks = np.zeros((height, width), dtype=np.float32)
    count = int(height * width * 0.004 * strength)
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    light = rng.uniform(10, 45, count).astype(np.float32)
    for step in range(max(2, height // 40)):
        streaks[(rows + step) % height, (columns - step // 3) % width] += light
    return streaks
