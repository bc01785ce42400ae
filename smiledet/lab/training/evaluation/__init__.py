"""Accuracy of the models on labelled photographs."""
