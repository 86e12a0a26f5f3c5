"""Which image is looked at, and what is said where the address asks for one that is not here."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard import state, uploads
from dashboard.gallery import gallery_subjects
from dashboard.subject import Subject

FIRST = "cell-1"


@dataclass(frozen=True)
class Chosen:
    """The image to show, and a message where it is not the one that was asked for."""

    subject: Subject
    message: str | None = None


def chosen_image() -> Chosen:
    """Return the image of the choice `image`, or the first gallery cell and why it stands in."""
    key = state.get("image")
    subjects = gallery_subjects()
    if key in subjects:
        return Chosen(subjects[key], state.problem("image"))
    upload = uploads.subject_of(key)
    if upload is not None:
        return Chosen(upload)
    stand_in = subjects[FIRST]
    if key.startswith(uploads.PREFIX):
        message = (
            f"This link is about an uploaded image (its fingerprint starts with "
            f"{key.removeprefix(uploads.PREFIX)[:8]}). Images do not travel in links: upload that file in the sidebar "
            f"to see it here. Until then, this is {stand_in.title.lower()}."
        )
    else:
        message = (
            f"The address asks for the image “{key}”, which is not in the gallery. This is {stand_in.title.lower()}."
        )
    return Chosen(stand_in, message)
