"""Pure-torch parts of an attention model, one concept a file."""
