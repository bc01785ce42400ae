"""Keras architectures, by name. Backend-neutral: nothing here touches TensorFlow itself."""
