"""One file a revision. They say what the schema was, so they import nothing of ours that may change."""
