"""Training: recipes, batches on the device, the Lightning module, runs and their export."""
