"""The architectures: ordered, named stages that can be cut into features and head."""
