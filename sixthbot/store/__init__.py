"""The only code that writes under .sixth/ and in the user's data folder."""
