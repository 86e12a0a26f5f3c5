"""Explanation quality: what a map is worth, beside control maps, and the randomisation check of a method."""
