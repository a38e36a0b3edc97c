"""What the chart renders, held against the facts of the environments."""
