"""The papers' experiments done again: a table that is made from finished runs alone."""
