"""From a directive to a clip on disk, read back."""
