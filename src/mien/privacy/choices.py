"""What a user wants to be kept private."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import OptionError


@dataclass(frozen=True)
class Privacy:
    """Choices for privacy; by default there are none.

    Attributes:
        blur_others: cover all faces but the one asked for, and keep no reading of them.
        keep: numbers of the people to leave visible in a film; empty takes whoever is in sight the longest.
        no_images: nothing but numbers and words leaves the process.

    Raises:
        OptionError: ``keep`` without ``blur_others``, or with a number below 1.
    """

    blur_others: bool = False
    keep: tuple[int, ...] = ()
    no_images: bool = False

    def __post_init__(self) -> None:
        if self.keep and not self.blur_others:
            raise OptionError(
                f"--keep {self.keep[0]} says who stays visible while others are covered, but nobody is to be covered",
                hint="Add --blur-others, or leave --keep out.",
            )
        if any(number < 1 for number in self.keep):
            raise OptionError(f"--keep: got {min(self.keep)}, expected the number of a person, 1 or more")

    def refuse_pictures(self, asked: Mapping[str, object]) -> None:
        """See that nothing was asked for that would show or write a picture, where there are to be none.

        Args:
            asked: the options that would, by name; those with a true value were given.

        Raises:
            OptionError: one was given; the message names it.
        """
        for option, value in asked.items():
            if self.no_images and value:
                given = option if value is True else f"{option} {value}"
                raise OptionError(
                    f"{given} would let pictures of people out, which --no-images rules out",
                    hint=f"Leave out {option}, or --no-images.",
                )
