"""Train on Kaggle's FER2013 and read an image with the result.   (needs the extra "lab")

python examples/train_and_read.py fer2013.csv photo.jpg [RECIPE] [EPOCHS]
"""

import sys

import mien
from mien import lab


def main(data: str, photo: str, recipe: str = "smoke", epochs: str = "3") -> None:
    lab.train(recipe, data, "runs/example", changes={"schedule.epochs": int(epochs)})
    (model,) = lab.export("runs/example", data, "models", name="example")
    for reading in mien.read(photo, mien.ReadOptions(model=model)):
        print(reading.emotion, f"{reading.confidence:.0%}")


if __name__ == "__main__":  # training may start processes
    main(*sys.argv[1:])
