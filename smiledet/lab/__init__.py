"""What only developers run; the only place that may import TensorFlow or Keras."""
