"""The scripts that fit AniCaption's numbers: thresholds and tables on ``train``, confidences on ``tune``."""
