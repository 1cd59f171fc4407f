"""Tools of the build; nothing here is shipped or imported at run time."""
