"""Explanations for many users at once: the queue, the service and its bounded cache."""
