"""The explanation methods, one file a family; `registry` lists them."""
