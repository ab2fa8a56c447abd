"""Studies: the document, its protocol in words, and one study run from records to a finding."""
