"""The driver of ./gpuhub bench: starts the peers, measures in turn, prints one table."""
