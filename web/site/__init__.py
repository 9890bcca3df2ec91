"""What all pages share: languages, formats, protection, pages of errors, live streams."""
