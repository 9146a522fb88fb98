"""Pure values and decisions; no clock, disk, process or thread is touched from here."""
