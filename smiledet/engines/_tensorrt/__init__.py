"""TensorRT's parts: the file that runs beside it, its plans, and the helper for boards with an old Python."""
