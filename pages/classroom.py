"""Class: a session with a class, led by a teacher, joined from phones."""

from __future__ import annotations

from dashboard.classroom.page import show_class

show_class()
