"""The classic comparisons of attention, reproduced: figures and CSVs under docs/reproduction."""
