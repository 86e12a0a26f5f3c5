"""What a map is worth: scores beside those of controls, agreement, and the randomisation check."""
