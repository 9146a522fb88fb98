"""Speed, as ratios within one run. Run by hand: `./dev bench`."""
