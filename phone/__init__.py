"""The offline app for phones: its source, its build and the models that it carries."""
