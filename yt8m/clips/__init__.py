"""Cuts videos into clips, and groups clips that are alike."""
