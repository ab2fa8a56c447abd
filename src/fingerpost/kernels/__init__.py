"""Arrays only: designs, generalised linear models, cluster sums, small-sample corrections."""
