"""What wraps the operating system: processes, signals, memory, standard streams, OpenCV's import, output files."""
