"""What `make bench` measures. Figures are ratios within one run wherever they can be, as machines differ and are shared."""

import yt8m  # noqa: F401  # before TensorFlow, as users have it: `yt8m` turns oneDNN on
