"""Live sessions with a class: decks of cells, steps, votes, and the figures at the end."""
