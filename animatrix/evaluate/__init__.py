"""Evaluation: a benchmark for artistic correctness, and a blind study for animators."""
