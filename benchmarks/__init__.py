"""One script a claim. Each prints what it measured as JSON, with the machine it ran on."""
