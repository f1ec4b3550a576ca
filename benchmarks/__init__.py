"""What `make bench` measures. Figures are ratios within one run wherever they can be, as machines differ and are shared."""
