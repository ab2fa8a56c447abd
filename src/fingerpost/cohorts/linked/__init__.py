"""From linked records to one row a child: eligibility, arms, follow-up, covariates, outcomes."""
