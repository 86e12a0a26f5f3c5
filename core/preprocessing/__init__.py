"""From a smear to a cell: threshold pipeline, presets, automatic bounds, nucleus, cut-out, framing."""
