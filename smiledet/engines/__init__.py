"""What runs a trained network: one file an engine, none imported until it is asked for."""
