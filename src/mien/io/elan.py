"""Annotation files of ELAN (``.eaf``, format 3.0), read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ..errors import DataError

#: Start and end in seconds, label, tier.
Piece = tuple[float, float, str, str]
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


def read_eaf(path: Path) -> list[Piece]:
    """Read all annotations that have a text; those that refer to others take their times."""
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 - expat limits entities; it fetches nothing
    except ElementTree.ParseError as error:
        raise DataError(f"{path} is not an ELAN file: {error}", hint="Save it with ELAN again.", path=path) from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError(f"{path} is not an ELAN file: got <{root.tag}>, expected <ANNOTATION_DOCUMENT>", path=path)
    times = _slots(root)
    known: dict[str, tuple[float, float]] = {}
    texts: list[tuple[str, str, str]] = []
    refers: dict[str, str] = {}
    try:
        for tier in root.iter("TIER"):
            for one in tier.iter("ALIGNABLE_ANNOTATION"):
                start, end = times[one.attrib["TIME_SLOT_REF1"]], times[one.attrib["TIME_SLOT_REF2"]]
                known[one.attrib["ANNOTATION_ID"]] = start, end
            for one in tier.iter("REF_ANNOTATION"):
                refers[one.attrib["ANNOTATION_ID"]] = one.attrib["ANNOTATION_REF"]
            for one in (*tier.iter("ALIGNABLE_ANNOTATION"), *tier.iter("REF_ANNOTATION")):
                text = (one.findtext("ANNOTATION_VALUE") or "").strip()
                texts.append((one.attrib["ANNOTATION_ID"], text, tier.attrib["TIER_ID"]))
        pieces = []
        for name, text, tier_name in texts:
            at = name
            for _ in range(len(refers)):
                at = refers.get(at, at)
            if text:
                pieces.append((*known[at], text, tier_name))
    except KeyError as error:
        raise DataError(f"{path} is damaged: it refers to {error}, which it lacks", path=path) from error
    return pieces


def _slots(root: ElementTree.Element) -> dict[str, float]:
    """Seconds of each time slot; those without a time lie evenly between their neighbors."""
    slots = [(one.attrib["TIME_SLOT_ID"], one.get("TIME_VALUE")) for one in root.iter("TIME_SLOT")]
    with_time = [place for place, (_, value) in enumerate(slots) if value]
    values = [int(slots[place][1] or 0) / 1000 for place in with_time]
    if not with_time:
        return {name: 0.0 for name, _ in slots}
    return dict(zip((name for name, _ in slots), np.interp(range(len(slots)), with_time, values).tolist()))


def write_eaf(tiers: Mapping[str, Sequence[tuple[float, float, str]]], media: str = "") -> bytes:
    """Return an ELAN file with one tier per name; times in seconds, rounded to milliseconds.

    Args:
        tiers: name -> start, end and label of its annotations, which must not overlap.
        media: path of the video, as a path beside the file or an absolute one.
    """
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "mien",
            "DATE": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": _XSI,
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = ElementTree.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if media:
        path = Path(media)
        where = {"MEDIA_URL": path.as_uri() if path.is_absolute() else path.as_posix(), "MIME_TYPE": _mime(path)}
        if not path.is_absolute():
            where["RELATIVE_MEDIA_URL"] = f"./{path.as_posix()}"
        ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", where)
    pieces = [(tier, round(1000 * a), round(1000 * b), text) for tier, found in tiers.items() for a, b, text in found]
    last = ElementTree.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"})
    last.text = str(len(pieces))
    order = ElementTree.SubElement(root, "TIME_ORDER")
    ends = sorted((at, number, which) for number, (_, *both, _) in enumerate(pieces) for which, at in enumerate(both))
    slot = {}
    for place, (at, number, which) in enumerate(ends, 1):
        slot[number, which] = f"ts{place}"
        ElementTree.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{place}", "TIME_VALUE": str(at)})
    for tier in tiers:
        element = ElementTree.SubElement(root, "TIER", {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": tier})
        for number, (owner, _, _, text) in enumerate(pieces):
            if owner == tier:
                above = ElementTree.SubElement(element, "ANNOTATION")
                names = {"ANNOTATION_ID": f"a{number + 1}"}
                names |= {f"TIME_SLOT_REF{which + 1}": slot[number, which] for which in (0, 1)}
                one = ElementTree.SubElement(above, "ALIGNABLE_ANNOTATION", names)
                ElementTree.SubElement(one, "ANNOTATION_VALUE").text = text
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true"}
    ElementTree.SubElement(root, "LINGUISTIC_TYPE", kind)
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content


def _mime(path: Path) -> str:
    return {".mp4": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg"}.get(path.suffix.lower(), "video/*")
