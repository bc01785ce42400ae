"""Training, evaluating and exporting the models. Nothing in the run path imports this package."""
