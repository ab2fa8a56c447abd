"""A study written out for other tools: base R, Stata, and the T-SQL of its cohort."""
