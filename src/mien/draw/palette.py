"""One colour for each emotion, told apart by people with any colour vision."""

from __future__ import annotations

#: RGB, 0-255. Okabe and Ito (2008), "Color Universal Design", with gray for neutral.
COLOURS: dict[str, tuple[int, int, int]] = {
    "angry": (213, 94, 0),
    "disgust": (0, 158, 115),
    "fear": (204, 121, 167),
    "happy": (240, 228, 66),
    "sad": (0, 114, 178),
    "surprise": (230, 159, 0),
    "neutral": (200, 200, 200),
    "contempt": (86, 180, 233),
}


def ink_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever reads better on ``colour`` (relative luminance, WCAG 2)."""
    red, green, blue = (value / 255 for value in colour)
    return (0, 0, 0) if 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.18 else (255, 255, 255)
