"""smiledet: a real-time face, smile and emotion reader for machines with little to spare."""

__version__ = "0.1.0"
