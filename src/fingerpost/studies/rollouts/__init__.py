"""Roll-outs: planned, rehearsed, drawn, collected and analysed as they were drawn."""
