"""Practice alone: cells drawn for it, what tells classes apart, the queue of missed cells, and one's figures."""
