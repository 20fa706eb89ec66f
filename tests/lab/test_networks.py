"""Networks of the recipes have the published or calculated number of parameters."""

import pytest

from mien.errors import ModelError, RecipeError
from mien.lab.recipe import builtin_recipes, changed, load_recipe

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.lab.networks.build import (
    build_network,
    start_network,  # needs torch
)
from mien.lab.networks.layer_spec import (
    Shape,
    build_rows,  # needs torch
)

#: Trainable and other parameters as Keras counts them: the moving means and variances of batch norms are the others.
COUNTS = {
    "happy-sad-256-a": (31_509_697, 0),
    "happy-sad-256-a-gray": (31_509_121, 0),
    "happy-sad-256-b": (15_251_441, 0),
    "happy-sad-256-b-gray": (15_251_153, 0),
    "seven-wide": (4_492_935, 3_968),
    "four-basic-gray": (683_588, 448),
    "four-basic-rgb": (2_764_804, 512),
    "four-complex-5": (1_836_420, 3_456),
    "four-complex-6": (3_408_580, 3_520),
    "seven-56": (5_787_015, 4_992),
    "seven-48": (4_474_759, 3_968),
    "seven-valid": (2_345_607, 0),
    "happy-sad-0": (1_484_257, 0),
    "happy-sad-1": (2_972_161, 0),
    "happy-sad-2": (5_961_793, 0),
    "happy-sad-3": (884_833, 0),
    "happy-sad-4": (15_955_249, 0),
    "happy-sad-5": (16_852_273, 0),
    "happy-sad-5-norm": (16_852_497, 224),
}
#: A frozen base with its head: trainable parameters, and all of them. Keras's ResNet50V2 has 19,008 biases more than timm's.
FROZEN = {
    "four-vgg16": (172_868, 14_887_684),
    "four-resnet50v2": (2_138_948, 25_703_876 - 19_008),
    "four-efficientnetv2b2": (1_483_588, 10_253_090),
}


def count(network) -> tuple[int, int]:
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    still = sum(weight.numel() for weight in network.parameters() if not weight.requires_grad)
    moving = sum(b.numel() for name, b in network.named_buffers() if name.endswith(("running_mean", "running_var")))
    return trained, still + moving


@pytest.mark.parametrize("name", COUNTS)
def test_networks_have_the_published_number_of_parameters(name):
    assert count(build_network(load_recipe(name))) == COUNTS[name]


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_bases_have_the_published_number_of_parameters(name):
    trained, others = count(build_network(load_recipe(name)))
    assert (trained, trained + others) == FROZEN[name]


def test_vgg16_without_a_head_is_what_the_report_printed():
    network = build_network(load_recipe("four-vgg16"))
    assert sum(weight.numel() for weight in network.trunk.base.parameters()) == 14_714_688


def test_every_reference_recipe_is_counted():
    assert set(builtin_recipes()) == {
        *COUNTS,
        *FROZEN,
        "default",
        "default-narrow",
        "default-distilled",
        "narrow-robust",
        "tiny",
        "tiny-distilled",
        "seven",
        "smoke",
        "few-labels",
        "few-labels-distilled",
        "few-labels-unlabeled",
    }


@pytest.mark.parametrize("c1", [16, 64])
@pytest.mark.parametrize("u", [128, 512])
def test_the_tuners_space_has_the_parameters_of_its_formula(c1, u):
    recipe = changed(
        load_recipe("happy-sad-4"),
        {"network.layers.0": f"conv {c1}x3 valid > relu > pool", "network.layers.3": f"dense {u} > relu"},
    )
    c2 = 48
    assert sum(count(build_network(recipe))) == 28 * c1 + 9 * c1 * c2 + c2 + 1296 * c2 * u + 2 * u + 1


def test_frozen_bases_keep_their_weights_and_others_learn():
    recipe = load_recipe("four-efficientnetv2b2")
    network = build_network(recipe)
    assert not any(part.training for part in network.trunk.base.modules())
    assert not any(part.training for part in network.train().trunk.base.modules())
    assert network.trunk.rows.training
    tuned = build_network(changed(recipe, {"network.frozen": False}))
    assert all(part.training for part in tuned.modules())  # Lightning trains what is built as it is built


def test_the_base_is_fed_its_own_range_unless_the_recipe_says_otherwise():
    recipe = load_recipe("four-resnet50v2")
    seen = []
    for given in (recipe, changed(recipe, {"network.base_range": "zero-one"})):
        network = build_network(given).eval()
        network.trunk.base.stem.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
        network(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 48, 48))
    assert (seen[0].min(), seen[0].max()) == (-1, 1)
    assert (seen[1].min(), seen[1].max()) == (0, 1)


@pytest.mark.slow
def test_a_base_starts_from_a_file(tmp_path):
    recipe = load_recipe("four-efficientnetv2b2")
    other = build_network(recipe)
    file = tmp_path / "base.pth"
    torch.save(other.trunk.base.state_dict(), file)
    started = start_network(changed(recipe, {"network.weights": str(file)}))
    torch.testing.assert_close(started.trunk.base.state_dict(), other.trunk.base.state_dict())
    vgg = changed(load_recipe("four-vgg16"), {"network.weights": str(file)})
    with pytest.raises(ModelError):
        start_network(vgg)
    file.write_text("emotion,pixels,Usage")
    with pytest.raises(ModelError):
        start_network(vgg)
    file.write_bytes(b"cut off")
    with pytest.raises(ModelError):
        start_network(vgg)
    with pytest.raises(ModelError):
        start_network(changed(vgg, {"network.weights": str(tmp_path / "none.pth")}))


def test_a_sigmoid_unit_gives_the_probability_of_the_first_class():
    network = build_network(load_recipe("happy-sad-3")).eval()
    images = torch.rand(4, 3, 150, 150)
    with torch.inference_mode():
        unit = torch.nn.functional.linear(
            network.trunk(images), network.heads["labels"].weight, network.heads["labels"].bias
        )
        torch.testing.assert_close(network(images)["labels"].softmax(1)[:, 0], unit[:, 0].sigmoid())


@pytest.mark.parametrize(
    ("rows", "step"),
    [
        (("conv 32x3",), "conv 32x3"),
        (("conv 32 same",), "conv 32 same"),
        (("conv 0x3 same",), "conv 0x3 same"),
        (("conv ²x3 same",), "conv ²x3 same"),
        (("conv 8x3 same l2 much",), "conv 8x3 same l2 much"),
        (("convolve 32x3 same",), "convolve 32x3 same"),
        (("conv 8x3 same > > relu",), ""),
        (("dense 8",), "dense 8"),
        (("flatten", "conv 8x3 same"), "conv 8x3 same"),
        (("flatten", "dense"), "dense"),
        (("flatten", "flatten"), "flatten"),
        (("pool 3",), "pool 3"),
        (("conv 8x3 same > relu 7",), "relu 7"),
        (("mean 4",), "mean 4"),
        (("flatten > drop 1.5",), "drop 1.5"),
        (("flatten > drop",), "drop"),
        (("pool > pool > pool > pool > pool",), "pool"),
    ],
)
def test_an_invalid_step_is_named_with_its_row(rows, step):
    with pytest.raises(RecipeError) as caught:
        build_rows(rows, Shape(1, 16))
    assert (caught.value.field, caught.value.value) == (f"network.layers[{len(rows) - 1}]", step)


def test_a_network_must_end_with_a_vector():
    recipe = load_recipe("seven-valid")
    with pytest.raises(RecipeError):
        build_network(changed(recipe, {"network.layers": ["conv 64x3 valid > relu"]}))


def test_an_unknown_backbone_is_named():
    with pytest.raises(RecipeError) as caught:
        build_network(changed(load_recipe("four-vgg16"), {"network.backbone": "vgg61"}))
    assert (caught.value.field, caught.value.value) == ("network.backbone", "vgg61")


def test_names_that_torch_keeps_for_itself_are_refused():
    recipe = load_recipe("smoke")
    head = recipe.heads["fer2013"]
    with pytest.raises(RecipeError):
        build_network(recipe.model_copy(update={"heads": {"values": head}}))


def test_pools_that_keep_the_odd_pixel():
    layers, shape, _ = build_rows(("pool same > pool",), Shape(1, 7))
    assert shape == Shape(1, 2)
    assert layers(torch.zeros(1, 1, 7, 7)).shape == (1, 1, 2, 2)


def test_l2_is_counted_as_keras_does():
    from mien.lab.training.module import optimizer_of

    recipe = load_recipe("seven-wide")
    groups = optimizer_of(recipe, build_network(recipe)).param_groups
    decayed = {group["weight_decay"]: sum(weight.numel() for weight in group["params"]) for group in groups}
    assert decayed.pop(0.02) == 3 * 3 * 128 * 512 + 3 * 3 * 512 * 512  # torch adds decay * w, the slope of 0.01 w^2
    assert set(decayed) == {0.0}


def test_standardized_networks_depend_little_on_light():
    recipe = changed(load_recipe("smoke"), {"network.instance_norm": True})
    network = build_network(recipe).eval()
    images = torch.rand(4, 1, 48, 48)
    with torch.inference_mode():
        bright, dark = network(images), network(0.3 * images - 0.6)
    for name in recipe.heads:
        torch.testing.assert_close(bright[name], dark[name], atol=0.1, rtol=0)
    blank = network(torch.zeros(1, 1, 48, 48))
    assert all(bool(torch.isfinite(logits).all()) for logits in blank.values())
