"""What tells the five classes apart on a stained smear, in a sentence each: a class by itself, and a class against the
one that it was taken for. Common knowledge of haematology, for Romanowsky stains such as Wright and Giemsa."""

from __future__ import annotations

from core.classes import CLASSES
from core.errors import InputError

SIGNS: dict[str, str] = {
    "basophil": "A basophil is full of coarse, dark violet granules of uneven size, which lie over the nucleus and "
    "hide its lobes.",
    "eosinophil": "An eosinophil is packed with coarse, round, orange-red granules of one size; its nucleus mostly has "
    "two lobes.",
    "lymphocyte": "A lymphocyte is small, with a round, dense, dark nucleus that fills most of the cell and a thin rim "
    "of clear blue cytoplasm.",
    "monocyte": "A monocyte is the largest of the five, with a folded or kidney-shaped nucleus of loose chromatin and "
    "much grey-blue cytoplasm, often with vacuoles.",
    "neutrophil": "A neutrophil has a nucleus of three to five lobes on thin strands, and pale pink cytoplasm with "
    "fine, pale granules.",
}

AGAINST: dict[tuple[str, str], str] = {  # (what it is, what it was taken for)
    ("basophil", "eosinophil"): "Its granules are dark violet, of uneven size, and cover the nucleus; an eosinophil's "
    "are orange-red, all of one size, and leave the nucleus in sight.",
    ("basophil", "lymphocyte"): "The dark mass is coarse violet granules over a lobed nucleus; a lymphocyte's nucleus "
    "is round, dense and smooth in outline, and its thin blue rim holds no coarse granules.",
    (
        "basophil",
        "monocyte",
    ): "It is smaller and full of coarse, dark violet granules; a monocyte's granules are fine as "
    "dust, and its large, folded nucleus lies open in grey-blue cytoplasm.",
    ("basophil", "neutrophil"): "Coarse, dark violet granules hide its nucleus; a neutrophil's granules are too fine "
    "to hide anything, so that its three to five lobes stand out.",
    ("eosinophil", "basophil"): "Its granules are orange-red, all of one size, and leave the nucleus in sight; a "
    "basophil's are dark violet, uneven, and cover it.",
    ("eosinophil", "lymphocyte"): "It is larger, its nucleus has two lobes, and orange-red granules fill its "
    "cytoplasm; a lymphocyte has one round nucleus in a thin, clear blue rim.",
    ("eosinophil", "monocyte"): "Its cytoplasm is packed with coarse, orange-red granules and its nucleus has two "
    "separate lobes; a monocyte's cytoplasm is grey-blue and its nucleus folded in one piece.",
    ("eosinophil", "neutrophil"): "Its granules are coarse, round and orange-red, and its nucleus mostly has two "
    "lobes; a neutrophil's granules are fine and pale, and it mostly has three to five lobes.",
    ("lymphocyte", "basophil"): "Its nucleus is round, smooth and in plain sight, and its blue rim is clear; a "
    "basophil's nucleus lies hidden under coarse, dark violet granules.",
    ("lymphocyte", "eosinophil"): "Its nucleus is one round, dense piece and its thin rim is blue; an eosinophil has "
    "two lobes and cytoplasm packed with coarse, orange-red granules.",
    ("lymphocyte", "monocyte"): "It is smaller, its nucleus is round and dense and fills most of the cell; a "
    "monocyte's nucleus is folded, its chromatin loose, and its grey-blue cytoplasm wide.",
    ("lymphocyte", "neutrophil"): "Its nucleus is one round piece in a thin blue rim; a neutrophil's is cut into "
    "lobes on thin strands, in wide, pale pink cytoplasm.",
    ("monocyte", "basophil"): "It is larger, and its folded nucleus lies open in grey-blue cytoplasm; a basophil's "
    "nucleus is hidden under coarse, dark violet granules.",
    ("monocyte", "eosinophil"): "Its cytoplasm is grey-blue with granules fine as dust, and its nucleus one folded "
    "piece; an eosinophil has two lobes and coarse, orange-red granules.",
    ("monocyte", "lymphocyte"): "It is larger, with a folded nucleus of loose chromatin and wide grey-blue cytoplasm; "
    "a lymphocyte's nucleus is round and dense and leaves a thin blue rim.",
    ("monocyte", "neutrophil"): "Its nucleus is one broad piece, folded like a kidney or a horseshoe, in grey-blue "
    "cytoplasm; a neutrophil's is cut into lobes on thin strands, in pale pink cytoplasm.",
    ("neutrophil", "basophil"): "Its lobes stand out, for its granules are fine and pale; a basophil's coarse, dark "
    "violet granules lie over the nucleus and hide it.",
    ("neutrophil", "eosinophil"): "Its granules are fine and pale, and it mostly has three to five lobes on thin "
    "strands; an eosinophil's granules are coarse and orange-red, and its lobes mostly two.",
    ("neutrophil", "lymphocyte"): "Its nucleus is cut into lobes on thin strands, with wide, pale pink cytoplasm; a "
    "lymphocyte has one round, dense nucleus and a thin blue rim.",
    ("neutrophil", "monocyte"): "Its nucleus is cut into lobes on thin strands and its chromatin is dense, in pale "
    "pink cytoplasm; a monocyte's nucleus is one folded piece of loose chromatin, in grey-blue cytoplasm.",
}


def distinction(true: str, taken: str) -> str:
    """A sentence on what shows a cell of class `true`: by itself where it was named right, else against `taken`.

    InputError for a class that is not one of the five.
    """
    for name in (true, taken):
        if name not in CLASSES:
            raise InputError(f"'{name}' is not one of the five classes; choose one of {', '.join(CLASSES)}.")
    return SIGNS[true] if true == taken else AGAINST[true, taken]
