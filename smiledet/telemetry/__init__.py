"""Load, temperature and power while a run goes on: from jetson-stats where it serves, else from the kernel's files."""
