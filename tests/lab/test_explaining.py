"""HiResCAM of a small network that uses one patch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra lab")

from mien import (
    ModelError,
    OptionError,
    ReadOptions,
)
from mien.lab.explaining import HiResCam, open_torch_explainer


class Corner(torch.nn.Module):
    """Says happy as far as the upper left corner is bright, in one head of two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.same = torch.nn.Conv2d(1, 1, 1, bias=False)
        torch.nn.init.ones_(self.same.weight)

    def forward(self, images):
        seen = self.same(images)[:, 0, :6, :6].pow(2).mean((1, 2))
        return {"words": torch.stack([seen, torch.zeros_like(seen)], 1)}


COLUMNS = {"happy": 0, "neutral": 1}


def test_maps_highlight_the_used_patch():
    heat = HiResCam(Corner().eval(), "words", COLUMNS, flip=False)(np.ones((1, 1, 16, 16), np.float32), "happy")
    assert heat.shape == (16, 16)
    assert heat[:6, :6].min() > 0
    assert np.abs(heat[8:, 8:]).max() < 1e-6


def test_evidence_for_one_class_is_against_the_other():
    camera, image = HiResCam(Corner().eval(), "words", COLUMNS, flip=False), np.ones((1, 1, 16, 16), np.float32)
    np.testing.assert_allclose(camera(image, "neutral"), -camera(image, "happy"), atol=1e-6)


def test_flip_averages_the_mirror_image():
    heat = HiResCam(Corner().eval(), "words", COLUMNS, flip=True)(np.ones((1, 1, 16, 16), np.float32), "happy")
    np.testing.assert_allclose(heat, heat[:, ::-1], atol=1e-6)


def test_random_weights_give_another_map():
    from mien.explanations.faithfulness import rank_correlation

    def made(seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        layers = [torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3, padding=1)]
        network = torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
        head = torch.nn.Linear(32, 2)

        class Whole(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.trunk, self.head = network, head

            def forward(self, images):
                return {"words": self.head(self.trunk(images))}

        image = np.random.default_rng(0).normal(size=(1, 1, 24, 24)).astype(np.float32)
        return HiResCam(Whole().eval(), "words", COLUMNS, flip=False)(image, "happy")

    own = made(0)
    others = [rank_correlation(own, made(seed)) for seed in range(1, 9)]
    assert abs(float(np.mean(others))) < 0.35


def test_a_network_without_feature_maps_is_refused():
    class Dense(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(16, 2)

        def forward(self, images):
            return {"words": self.head(images.flatten(1))}

    with pytest.raises(ModelError):
        HiResCam(Dense().eval(), "words", COLUMNS, flip=False)(np.ones((1, 1, 4, 4), np.float32), "happy")


def test_exported_models_refuse_unsupported_explanations(tmp_path):
    (tmp_path / "mine.onnx").write_bytes(b"")
    with pytest.raises(OptionError):
        open_torch_explainer(ReadOptions(model=tmp_path), hirescam=True)
