"""What a network looks at: guided back-propagation and Grad-CAM."""
