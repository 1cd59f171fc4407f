"""Jobs: long work with progress. See the README beside this file."""
