"""Training of the network that proposes where faces may be."""
