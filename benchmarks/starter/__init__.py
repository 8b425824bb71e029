"""What the quality measurements of the starter models stand on."""
