"""Scenes as bad light, a poor lens, a small sensor and strong compression would show them."""

from __future__ import annotations

import cv2
import numpy as np

from smiledet.frame import GreyImage


def spoiled(grey: GreyImage, generator: np.random.Generator) -> tuple[GreyImage, float]:
    """A scene blurred, noisy or compressed, and the side in pixels of the faces that this leaves recognisable.

    Of smaller ones too little is left to tell them from other spots.
    """
    blur = grain = 0.0
    chance = generator.random()
    if chance < 0.28:
        blur = float(generator.uniform(0.3, 1.2) if chance < 0.2 else generator.uniform(1.2, 3.2))
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), blur), np.uint8)
    chance = generator.random()
    if chance < 0.3:
        grain = float(generator.uniform(1, 8) if chance < 0.22 else generator.uniform(8, 38))
        noise = np.empty(grey.shape, np.int16)
        cv2.setRNGSeed(int(generator.integers(1 << 30)))
        cv2.randn(noise, 0, grain)
        grey = np.asarray(np.clip(grey + noise, 0, 255), np.uint8)
    if generator.random() < 0.25:
        _, packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(12, 90))])
        grey = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return grey, max(10.0 * (blur - 0.5), 0.5 * grain)


def lit(grey: GreyImage, generator: np.random.Generator) -> GreyImage:
    """Another exposure, contrast and gamma; sometimes light from one side."""
    chance = generator.random()
    levels = np.arange(256, dtype=np.float64)
    if chance < 0.1:
        levels = levels * np.exp(generator.uniform(np.log(0.08), np.log(0.5)))
    elif chance < 0.18:
        levels = levels * generator.uniform(1.3, 2.8) + generator.uniform(0, 70)
    elif chance < 0.7:
        levels = 255 * (levels / 255) ** np.exp(generator.normal(0, 0.3))
        levels = (levels - 127) * generator.uniform(0.5, 1.35) + 127 + generator.normal(0, 22)
    shown = np.asarray(cv2.LUT(grey, np.clip(levels, 0, 255).astype(np.uint8)), np.uint8)
    if generator.random() < 0.08:
        ramp = np.linspace(generator.uniform(0.25, 1.3), generator.uniform(0.25, 1.3), len(grey), dtype=np.float32)
        shown = np.asarray(np.clip(shown * (ramp if generator.random() < 0.6 else ramp[:, None]), 0, 255), np.uint8)
    return shown
