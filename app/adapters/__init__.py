"""One module per third-party library or kind of file; each hides its library's quirks."""
