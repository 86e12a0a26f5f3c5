"""Forgetting what a session's own pictures led to: maps, their pictures, scores, and a mask."""

from __future__ import annotations

from dashboard.look import forget_pictures
from dashboard.masks import forget_mask
from dashboard.outline import forget_outlines
from dashboard.scored import forget_checks
from dashboard.service import visit


def forget_explanations() -> None:
    """Stop this session's work and drop all that it found out about private pictures."""
    visit().leave()
    forget_pictures()
    forget_outlines()
    forget_checks()
    forget_mask()
