"""From records to the children of one study, and who left on the way."""
