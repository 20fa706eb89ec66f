"""Names of people in the live app: who has one name becomes one person in the table."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ..coding.tracks import TrackPart

_COLUMNS, _WIDTH = 4, 96
_ABOUT = (
    "People are not recognized, so one person can have several numbers. Numbers with the same name become one person in "
    "the table."
)


def name_people(faces: Mapping[int, bytes | None], key: str) -> tuple[TrackPart, ...]:
    """Draw a switch, and behind it a small image of each person, where there is one, with a field for the name.

    Args:
        faces: number -> PNG or JPEG, or None.
        key: of the fields in the session's state.

    Returns:
        The tracks that have a name.
    """
    if not faces or not st.toggle("Name people, join numbers", key=f"{key}-names"):
        return ()
    st.caption(_ABOUT)
    places = st.columns(_COLUMNS)
    names: dict[int, str] = {}
    for place, (number, face) in enumerate(faces.items()):
        with places[place % _COLUMNS]:
            if face:
                st.image(face, width=_WIDTH)
            names[number] = st.text_input(f"Person {number}", key=f"{key}-name-{number}", max_chars=60).strip()
    return tuple(TrackPart(number, name) for number, name in names.items() if name)
