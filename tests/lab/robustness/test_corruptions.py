"""Corrupted training images."""

import pytest

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.lab import augment
from mien.lab.augment import MIX, corrupt


@pytest.fixture
def images():
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(40, 1, 8, 8), (48, 48), mode="bilinear")
    return (0.1 + 0.8 * smooth).clamp(0, 1)


def test_all_none_and_some_are_corrupted(images):
    before = images.clone()
    assert (corrupt(images, 0.0) == before).all()
    torch.manual_seed(1)
    every = corrupt(images, 1.0)
    assert (images == before).all()
    assert every.shape == before.shape
    assert every.dtype == torch.float32
    assert 0 <= every.min() <= every.max() <= 1
    changed = (every != before).flatten(1).any(1)
    assert changed.float().mean() > 0.95
    some = (corrupt(images.repeat(10, 1, 1, 1), 0.3) != before.repeat(10, 1, 1, 1)).flatten(1).any(1)
    assert 0.2 < some.float().mean() < 0.4
    torch.manual_seed(1)
    assert (corrupt(images, 1.0) == every).all()


@pytest.mark.parametrize("change", [change for _, change in MIX], ids=lambda change: change.__name__)
@pytest.mark.parametrize("shape", [(3, 1, 48, 48), (2, 3, 40, 40), (2, 1, 50, 50), (1, 1, 16, 16)], ids=str)
def test_each_kind_takes_any_size_and_color(change, shape):
    torch.manual_seed(0)
    corrupted = change(torch.rand(shape))
    assert corrupted.shape == shape
    assert torch.isfinite(corrupted).all()


def test_weights_are_shares():
    assert sum(weight for weight, _ in MIX) == pytest.approx(1)
    assert all(weight > 0 for weight, _ in MIX)


def test_blurring_leaves_an_even_image_even():
    gray = torch.full((4, 1, 48, 48), 0.4)
    for change in (augment.blur, augment.shake, augment.shrink):
        assert torch.allclose(change(gray), gray, atol=1e-5)


def test_blurring_takes_detail_away(images):
    fine = torch.rand(20, 1, 48, 48)
    for change in (augment.blur, augment.shake, augment.shrink):
        assert change(fine).std() < 0.8 * fine.std()


def test_corruptions_darken_and_cover_as_specified(images):
    assert (augment.darken(images).mean((1, 2, 3)) < 0.75 * images.mean((1, 2, 3))).all()
    below, eyes = augment.cover_below(images), augment.cover_eyes(images)
    assert (below[..., :22, :] == images[..., :22, :]).all()
    assert (below[..., 36, 24] != images[..., 36, 24]).all()
    assert (eyes[..., 30:, :] == images[..., 30:, :]).all()


def test_compression_is_that_of_jpeg(images, monkeypatch):
    """At a low quality it makes about the error that libjpeg makes."""
    import io

    import numpy as np
    from PIL import Image

    monkeypatch.setattr(augment, "_log_between", lambda like, low, high: torch.full((len(like), 1, 1, 1), 10.0))
    ours = (augment.compress(images[:1]).clamp(0, 1)[0, 0] * 255).round().numpy()
    image = (images[0, 0] * 255).round().numpy().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=10)
    theirs = np.asarray(Image.open(file)).astype(float)
    assert np.abs(ours - theirs).mean() < 2.5
    assert np.abs(ours - image).mean() == pytest.approx(np.abs(theirs - image).mean(), rel=0.25)
