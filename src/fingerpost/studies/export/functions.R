# ---------------------------------------------------------------------------------- how it computes
# A child's influence on a number is what the number moves by because the child is in it. Every
# standard error is a sum over clusters of squared sums of influence. The models of who got which
# arm, of the outcome, and of who was seen are estimated too: their part is carried by the chain
# rule of stacked estimating equations (Stefanski & Boos 2002).

# Covariates are lists of `values` and a number of `levels` (0 where they are numbers; else codes
# from 0). A part is the children of one number: everything is fitted again on them.
read_cohort <- function(rows, columns) {
  named <- function(role) {
    chosen <- columns[columns$role == role, ]
    found <- lapply(seq_len(nrow(chosen)), function(at) {
      levels <- chosen$levels[at]
      number <- if (is.na(levels)) 0 else levels
      list(values = as.numeric(rows[[chosen$column[at]]]), levels = number)
    })
    setNames(found, chosen$name)
  }
  plain <- function(role) lapply(named(role), function(one) one$values)
  flags <- columns[columns$role == "covariate" & !is.na(columns$flag_of), ]
  weight <- plain("weight")
  list(n = nrow(rows), child = rows$child, arm = plain("arm")[[1]], covariates = named("covariate"),
       beside = named("subgroup"), clusters = plain("cluster"), outcomes = plain("outcome"),
       times = plain("time"), flags = setNames(strsplit(flags$flag_of, "; ", fixed = TRUE), flags$name),
       weight = if (length(weight)) weight[[1]] else rep(1, nrow(rows)))
}

# Children of a part; covariates that are the same for all of them leave, as do levels nobody has.
part_of <- function(part, rows) {
  some <- function(values) values[rows]
  shorter <- function(one) {
    values <- one$values[rows]
    if (one$levels == 0) return(list(values = values, levels = 0))
    used <- sort(unique(values))
    list(values = match(values, used) - 1, levels = length(used))
  }
  part$covariates <- lapply(part$covariates, shorter)
  varies <- vapply(part$covariates, function(one) length(unique(one$values)) > 1, TRUE)
  part$covariates <- part$covariates[varies]
  part$beside <- lapply(part$beside, function(one) list(values = one$values[rows], levels = one$levels))
  for (kind in c("clusters", "outcomes", "times")) part[[kind]] <- lapply(part[[kind]], some)
  for (kind in c("child", "arm", "weight")) part[[kind]] <- part[[kind]][rows]
  part$n <- length(part$arm)
  part$fits <- new.env()
  part
}

# The value of a fit that is made once in a part.
once <- function(part, key, make) {
  if (is.null(part$fits[[key]])) part$fits[[key]] <- make()
  part$fits[[key]]
}

# ---- designs
plain_terms <- function(names) lapply(names, function(name) list(list(name = name, kind = "plain")))

# A model's terms: those declared (with the flags of filled covariates), or every covariate as it is;
# terms with a covariate that is the same for all children leave.
terms_of <- function(part, declared) {
  if (is.null(declared)) return(plain_terms(names(part$covariates)))
  named <- function(term) vapply(term, function(factor) factor$name, "")
  used <- unlist(lapply(declared, named))
  flags <- names(Filter(function(of) any(of %in% used), part$flags))
  flags <- flags[!flags %in% used]
  Filter(function(term) all(named(term) %in% names(part$covariates)), c(declared, plain_terms(flags)))
}

quantiles <- list("3" = c(.1, .5, .9), "4" = c(.05, .35, .65, .95), "5" = c(.05, .275, .5, .725, .95),
                  "6" = c(.05, .23, .41, .59, .77, .95),
                  "7" = c(.025, .1833, .3417, .5, .6583, .8167, .975))

# Restricted cubic spline (Harrell 2015, section 2.4), with its knots at quantiles of the part.
natural_spline <- function(x, knots) {
  at <- quantile(x, quantiles[[as.character(knots)]], names = FALSE)
  last <- at[knots]
  before <- at[knots - 1]
  cube <- function(away) pmax(away, 0)^3
  bends <- lapply(at[seq_len(knots - 2)], function(knot) {
    (cube(x - knot) - cube(x - before) * (last - knot) / (last - before) +
      cube(x - last) * (before - knot) / (last - before)) / (last - at[1])^2
  })
  do.call(cbind, c(list(x), bends))
}

factor_columns <- function(column, factor) {
  x <- column$values
  switch(factor$kind,
         spline = natural_spline(x, factor$knots),
         power = cbind(x^factor$degree),
         equals = cbind(as.numeric(x == factor$value)),
         if (column$levels > 0) 1 * outer(x, seq_len(column$levels - 1), "==") else cbind(x))
}

design <- function(part, terms, arm = part$arm) {
  held <- c(part$covariates, list("(arm)" = list(values = arm, levels = length(arms))))
  columns <- lapply(terms, function(term) {
    product <- NULL
    for (factor in term) {
      own <- factor_columns(held[[factor$name]], factor)
      product <- if (is.null(product)) own else {
        pairs <- expand.grid(seq_len(ncol(product)), seq_len(ncol(own)))
        product[, pairs[, 1], drop = FALSE] * own[, pairs[, 2], drop = FALSE]
      }
    }
    product
  })
  unname(do.call(cbind, c(list(rep(1, part$n)), columns)))
}

# Columns in standard units, for the arithmetic: no fit depends on their units. The first `kept`
# columns after the intercept keep theirs.
units_of <- function(X, kept = 0) {
  centre <- colMeans(X)
  scale <- sqrt(pmax(colMeans(X^2) - centre^2, 0))
  scale[scale < 1e-12 * (1 + abs(centre))] <- 1
  own <- seq_len(1 + kept)
  centre[own] <- 0
  scale[own] <- 1
  list(centre = centre, scale = scale)
}
in_units <- function(X, units) t((t(X) - units$centre) / units$scale)

arm_terms <- list(list(list(name = "(arm)", kind = "plain")))

# ---- models
unsettled <- function(what) stop(paste(what, "did not settle"), call. = FALSE)

# A linear, logit or Poisson model by Newton's method. bread: inverse of the information.
fit_glm <- function(X, y, family, w, offset = rep(0, length(y)), what = "the outcome model") {
  mean_of <- switch(family, linear = identity, logit = plogis, poisson = exp)
  bend_of <- switch(family, linear = function(m) 0 * m + 1, logit = function(m) m * (1 - m),
                    poisson = identity)
  value_of <- function(x) {
    switch(family, linear = -sum(w * (y - x)^2) / 2, poisson = sum(w * (y * x - exp(x))),
           logit = sum(w * (y * x - pmax(x, 0) - log1p(exp(-abs(x))))))
  }
  b <- rep(0, ncol(X))
  if (family == "poisson") {
    near <- (y + (sum(w * y) + .5) / sum(w)) / 2
    b <- solve(crossprod(X * (w * near), X), crossprod(X, w * near * (log(near) - offset)))
  }
  for (pass in 1:100) {
    x <- offset + c(X %*% b)
    m <- mean_of(x)
    bread <- solve(crossprod(X * (w * bend_of(m)), X))
    step <- c(bread %*% crossprod(X, w * (y - m)))
    if (max(abs(X %*% step)) < 1e-9) {
      return(list(b = c(b) + step, bread = bread, mean_of = mean_of, bend_of = bend_of))
    }
    here <- value_of(x)
    slack <- 1e-9 * abs(here)
    for (half in 1:40) {
      ahead <- value_of(offset + c(X %*% (b + step)))
      if (is.finite(ahead) && ahead >= here - slack) break
      step <- step / 2
    }
    b <- b + step
  }
  unsettled(what)
}

# The multinomial logit of the arms, the first the reference; Firth's (1993) penalty where asked.
fit_arms <- function(X, arm, k, w, firth) {
  m <- k - 1
  p <- ncol(X)
  block <- function(a) (a - 1) * p + seq_len(p)
  own <- outer(arm, seq_len(m), "==")
  at <- function(B) {
    x <- cbind(0, X %*% B)
    x <- x - apply(x, 1, max)
    e <- exp(x) / rowSums(exp(x))
    value <- sum(w * (x - log(rowSums(exp(x))))[cbind(seq_along(arm), arm + 1)])
    information <- matrix(0, p * m, p * m)
    for (a in seq_len(m)) for (b in seq_len(m)) {
      bend <- w * e[, a + 1] * ((a == b) - e[, b + 1])
      information[block(a), block(b)] <- crossprod(X * bend, X)
    }
    if (firth) value <- value + determinant(information)$modulus[1] / 2
    list(e = e, value = value, information = information)
  }
  B <- matrix(0, p, m)
  here <- at(B)
  for (pass in 1:500) {
    bread <- solve(here$information)
    inside <- here$e[, -1, drop = FALSE]
    residual <- own - inside
    if (firth) residual <- residual + firth_part(X, inside, bread, block)
    step <- matrix(bread %*% c(crossprod(X, w * residual)), p)
    moved <- max(abs(X %*% step))
    if (moved > 5) step <- step * 5 / moved
    for (half in 1:40) {
      ahead <- at(B + step)
      if (is.finite(ahead$value) && ahead$value >= here$value - 1e-9 * abs(here$value)) break
      step <- step / 2
    }
    B <- B + step
    here <- ahead
    if (moved < 1e-9) {
      e <- here$e
      return(list(e = e, X = X, bread = solve(here$information),
                  residual = w * (own - e[, -1, drop = FALSE])))
    }
  }
  unsettled("the model of the arms")
}

# Half the third cumulants of one draw among arms, summed against the leverages.
firth_part <- function(X, e, bread, block) {
  m <- ncol(e)
  leverage <- function(a, b) rowSums((X %*% bread[block(a), block(b)]) * X)
  own <- e
  across <- 0 * e
  for (a in seq_len(m)) for (b in seq_len(m)) {
    one <- leverage(a, b)
    if (a == b) own[, a] <- one
    across[, a] <- across[, a] + one * e[, b]
  }
  e * (own - rowSums(own * e) - 2 * across + 2 * rowSums(across * e)) / 2
}

score <- function(part) {
  once(part, "score", function() {
    X <- design(part, terms_of(part, models$exposure))
    fit_arms(in_units(X, units_of(X)), part$arm, length(arms), part$weight, models$firth)
  })
}

# What comes by way of the model of the arms; in_score: (n, k - 1).
through_score <- function(found, in_score) {
  lean <- matrix(crossprod(found$bread, c(crossprod(found$X, in_score))), ncol(found$X))
  rowSums(found$residual * (found$X %*% lean))
}

# Whom a number is for: membership h, weights h / e of each arm, and the slopes of their logarithms
# in the linear predictors (slopes[[arm]]: (n, k - 1)).
tilt <- function(part, target) {
  e <- score(part)$e
  inside <- e[, -1, drop = FALSE]
  k <- ncol(e)
  of <- function(a) matrix(diag(k)[a, -1], nrow(e), k - 1, byrow = TRUE)
  slopes <- lapply(seq_len(k), function(a) inside - of(a))
  if (target$kind == "received") {
    c <- match(target$arm, arms)
    return(list(member = as.numeric(part$arm == c - 1), weights = e[, c] / e,
                slopes = lapply(slopes, function(one) one + of(c) - inside), member_slope = NULL))
  }
  if (target$kind == "overlap") {
    h <- 1 / rowSums(1 / e)
    more <- h / inside - inside
    return(list(member = h, weights = h / e, slopes = lapply(slopes, function(one) one + more),
                member_slope = more))
  }
  list(member = rep(1, nrow(e)), weights = 1 / e, slopes = slopes, member_slope = NULL)
}

# ---- outcomes
# The outcome of a part: 0 over one unit of time where it was not seen.
outcome_of <- function(part, name) {
  y <- part$outcomes[[name]]
  time <- part$times[[name]]
  timed <- !is.null(time)
  if (!timed) time <- rep(1, part$n)
  seen <- !is.na(y) & !is.na(time)
  list(y = ifelse(seen, y, 0), time = ifelse(seen, time, 1), seen = seen, timed = timed,
       family = switch(outcomes[[name]], continuous = "linear", binary = "logit", count = "poisson"))
}

# Who was seen, by a logit on the arm and the declared terms; NULL where there is no such model.
seen_model <- function(part, name) {
  seen <- outcome_of(part, name)$seen
  if (is.null(models$censoring) || all(seen)) return(NULL)
  once(part, paste("seen", name), function() {
    X <- design(part, c(arm_terms, terms_of(part, models$censoring)))
    X <- in_units(X, units_of(X))
    fitted <- fit_glm(X, as.numeric(seen), "logit", part$weight, what = "the model of who was seen")
    chance <- plogis(c(X %*% fitted$b))
    list(X = X, bread = fitted$bread, residual = part$weight * (seen - chance),
         weight = seen / chance, slope = -(1 - chance))
  })
}

through_seen <- function(found, slope) {
  lean <- crossprod(found$bread, crossprod(found$X, slope * found$slope))
  found$residual * c(found$X %*% lean)
}

# The outcome model as it speaks of one arm. w: (n,) weights of the fit.
arm_model <- function(part, name, a, w, key) {
  own <- outcome_of(part, name)
  if (models$by_arm) {
    once(part, paste("outcome", name, key, a), function() {
      X <- design(part, terms_of(part, models$outcome))
      rows <- which(own$seen & part$arm == a - 1)
      X <- in_units(X, units_of(X[rows, , drop = FALSE]))
      one_model(X, X, rows, own, w)
    })
  } else {
    once(part, paste("outcome", name, key, a), function() {
      terms <- pooled_terms(part, models$interactions)
      X <- design(part, terms)
      units <- units_of(X)
      rows <- which(own$seen)
      under <- in_units(design(part, terms, arm = rep(a - 1, part$n)), units)
      one_model(in_units(X, units), under, rows, own, w)
    })
  }
}

pooled_terms <- function(part, products) {
  kept <- products[products %in% names(part$covariates)]
  more <- lapply(kept, function(name) list(arm_terms[[1]][[1]], list(name = name, kind = "plain")))
  c(arm_terms, terms_of(part, models$outcome), more)
}

one_model <- function(X, predict, rows, own, w) {
  fitted <- fit_glm(X[rows, , drop = FALSE], own$y[rows], own$family, w[rows],
                    offset = if (own$timed) log(own$time[rows]) else rep(0, length(rows)))
  residual <- rep(0, nrow(X))
  expected <- fitted$mean_of(c(X %*% fitted$b))
  residual[rows] <- (w * (own$y - expected * own$time))[rows]
  mean <- fitted$mean_of(c(predict %*% fitted$b))
  list(mean = mean, slope = fitted$bend_of(mean), X = X, predict = predict, residual = residual,
       bread = fitted$bread)
}

# ---- one arm's mean: its value, and influence (n,)
naive_mean <- function(part, term, a) {
  own <- outcome_of(part, term$outcome)
  w <- part$weight * (part$arm == a - 1)
  total <- sum(w * own$time)
  value <- sum(w * own$y) / total
  list(value = value, influence = w * (own$y - value * own$time) / total)
}

ipw_mean <- function(part, term, a) {
  own <- outcome_of(part, term$outcome)
  tilted <- tilt(part, target_of(term))
  seen <- seen_model(part, term$outcome)
  w <- part$weight * tilted$weights[, a] * (part$arm == a - 1)
  if (!is.null(seen)) w <- w * seen$weight
  total <- sum(w * own$time)
  value <- sum(w * own$y) / total
  influence <- w * (own$y - value * own$time) / total
  whole <- influence + through_score(score(part), influence * tilted$slopes[[a]])
  if (!is.null(seen)) whole <- whole + through_seen(seen, influence)
  list(value = value, influence = whole)
}

ipw_ra_mean <- function(part, term, a) {
  own <- outcome_of(part, term$outcome)
  target <- target_of(term)
  tilted <- tilt(part, target)
  seen <- seen_model(part, term$outcome)
  mine <- cbind(seq_len(part$n), part$arm + 1)
  w <- part$weight * tilted$weights[mine]
  if (!is.null(seen)) w <- w * seen$weight
  model <- arm_model(part, term$outcome, a, w, paste(target$kind, target$arm))
  time <- part$weight * tilted$member * own$time
  # The time at risk of a child who was not seen is not known: those who were stand for it.
  by_seen <- !is.null(seen) && own$timed
  if (by_seen) time <- time * seen$weight
  total <- sum(time)
  value <- sum(time * model$mean) / total
  influence <- time * (model$mean - value) / total
  lean <- crossprod(model$bread, crossprod(model$predict, time * model$slope / total))
  fitted <- model$residual * c(model$X %*% lean)
  slopes <- tilted$slopes[[1]]
  for (b in seq_along(arms)) slopes[part$arm == b - 1, ] <- tilted$slopes[[b]][part$arm == b - 1, ]
  in_score <- fitted * slopes
  if (!is.null(tilted$member_slope)) in_score <- in_score + influence * tilted$member_slope
  whole <- influence + fitted + through_score(score(part), in_score)
  if (!is.null(seen)) whole <- whole + through_seen(seen, fitted + if (by_seen) influence else 0)
  list(value = value, influence = whole)
}

mean_of <- list(naive = naive_mean, ipw = ipw_mean, ipw_ra = ipw_ra_mean)

# The target with its arm spelt out: att is for those who received the contrast's first arm.
target_of <- function(term) {
  if (term$target == "att") return(list(kind = "received", arm = names(term$contrast)[1]))
  if (term$target == "atu") {
    return(list(kind = "received", arm = names(term$contrast)[length(term$contrast)]))
  }
  list(kind = term$target, arm = term$arm)
}

# A contrast of means: a sum, or of logarithms on the ratio scale.
contrast_of <- function(part, term) {
  value <- 0
  influence <- rep(0, part$n)
  for (at in seq_along(term$contrast)) {
    one <- mean_of[[term$estimator]](part, term, match(names(term$contrast)[at], arms))
    by <- term$contrast[[at]]
    if (term$scale == "ratio") {
      if (one$value <= 0) stop("a mean is not above zero, so a ratio has no meaning", call. = FALSE)
      value <- value + by * log(one$value)
      influence <- influence + by * one$influence / one$value
    } else {
      value <- value + by * one$value
      influence <- influence + by * one$influence
    }
  }
  list(value = value, influence = influence, weighted = term$estimator != "naive")
}

# The arms' coefficients in one model without products: least squares of the rate, weighted by time,
# or Poisson for a ratio (Zou 2004).
regression_of <- function(part, term) {
  own <- outcome_of(part, term$outcome)
  X <- design(part, pooled_terms(part, character(0)))
  k <- length(arms)
  X <- in_units(X, units_of(X, kept = k - 1))
  lean <- rep(0, ncol(X))
  for (name in names(term$contrast)) {
    at <- match(name, arms)
    if (at > 1) lean[at] <- lean[at] + term$contrast[[name]]
  }
  if (term$scale == "difference") {
    y <- own$y / own$time
    w <- part$weight * own$time
    fitted <- fit_glm(X, y, "linear", w)
    residual <- w * (y - c(X %*% fitted$b))
  } else {
    if (min(own$y) < 0) stop("a ratio needs an outcome that is never negative", call. = FALSE)
    fitted <- fit_glm(X, own$y, "poisson", part$weight, offset = log(own$time))
    residual <- part$weight * (own$y - exp(c(X %*% fitted$b)) * own$time)
  }
  list(value = sum(lean * fitted$b), influence = residual * c(X %*% crossprod(fitted$bread, lean)),
       weighted = FALSE, X = X, lean = lean)
}

# ---- how sure
sum_by <- function(units, values) rowsum(values, units, reorder = TRUE)

# The share of each arm's weight that each cluster holds, (G, k).
shares_of <- function(part, units, term, weighted) {
  w <- part$weight
  if (weighted) {
    mine <- cbind(seq_len(part$n), part$arm + 1)
    w <- w * tilt(part, target_of(term))$weights[mine]
  }
  by_arm <- sum_by(units, w * outer(part$arm, seq_along(arms) - 1, "=="))
  t(t(by_arm) / pmax(colSums(by_arm), 1e-300))
}

# Leverage-corrected cluster sums, for few clusters: each cluster's part of an arm is divided by the
# share of the arm that it leaves to others.
few_sums <- function(part, units, influence, share) {
  by_arm <- sum_by(units, influence * outer(part$arm, seq_along(arms) - 1, "=="))
  rowSums(by_arm / pmax(1 - share, .05))
}

# CR2 with Satterthwaite degrees of freedom (Bell & McCaffrey 2002) for a least-squares contrast.
cr2 <- function(X, y, w, units, lean) {
  M <- solve(crossprod(X * w, X))
  residual <- y - c(X %*% (M %*% crossprod(X, w * y)))
  middle <- M %*% crossprod(X * w) %*% M
  p <- ncol(X)
  each <- lapply(split(seq_along(y), units), function(rows) {
    x <- X[rows, , drop = FALSE]
    wx <- x * w[rows]
    split <- qr(cbind(x, wx), LAPACK = TRUE)
    basis <- qr.Q(split)
    coordinates <- qr.R(split)[, order(split$pivot), drop = FALSE]
    plain <- coordinates[, seq_len(p), drop = FALSE]
    both <- plain %*% M %*% t(coordinates[, p + seq_len(p), drop = FALSE])
    own <- eigen(diag(nrow(plain)) + plain %*% middle %*% t(plain) - both - t(both), symmetric = TRUE)
    root <- ifelse(own$values > 1e-10, 1 / sqrt(pmax(own$values, 1e-10)), 0)
    bent <- own$vectors %*% ((root - 1) * (t(own$vectors) %*% (t(basis) %*% wx)))
    a <- c((wx + basis %*% bent) %*% M %*% lean)
    list(sum = sum(a * residual[rows]), own = sum(a^2), u = c(crossprod(x, a)), v = c(crossprod(wx, a)))
  })
  u <- do.call(rbind, lapply(each, function(one) one$u))
  v <- do.call(rbind, lapply(each, function(one) one$v))
  crossed <- u %*% M %*% t(v)
  form <- diag(vapply(each, function(one) one$own, 0)) - crossed - t(crossed) + u %*% middle %*% t(u)
  list(se = sqrt(sum(vapply(each, function(one) one$sum, 0)^2)), df = sum(diag(form))^2 / sum(form^2))
}

# Whether clusters are few for any of the numbers that one estimator gives of one part.
are_few <- function(part, units, found, terms) {
  g <- length(unique(units))
  if (g < 10) return(FALSE)
  judged <- lapply(seq_along(terms), function(at) {
    share <- shares_of(part, units, terms[[at]], found[[at]]$weighted)
    share <- share[, match(names(terms[[at]]$contrast), arms), drop = FALSE]
    c(largest = max(share), inside = min(1 / pmax(colSums(share^2), 1e-300)))
  })
  judged <- do.call(rbind, judged)
  !(g >= 50 && max(judged[, "largest"]) <= .1 && min(judged[, "inside"]) >= 20)
}

with_errors <- function(part, term, found, few) {
  units <- if (is.null(cluster) || is.null(part$clusters[[cluster]])) part$child else part$clusters[[cluster]]
  g <- length(unique(units))
  critical <- qnorm(.5 + level / 2)
  note <- ""
  if (g < 10) {
    se <- NA
    note <- "no standard error: fewer than 10 clusters"
  } else if (!few) {
    factor <- if (is.null(cluster)) 1 else g / (g - 1)
    se <- sqrt(factor * sum(sum_by(units, found$influence)^2))
  } else if (term$scale == "difference" && term$estimator %in% c("naive", "regression") && g <= 500) {
    own <- outcome_of(part, term$outcome)
    X <- found$X
    lean <- found$lean
    if (is.null(X)) {
      X <- 1 * outer(part$arm, seq_along(arms) - 1, "==")
      lean <- rep(0, length(arms))
      lean[match(names(term$contrast), arms)] <- unlist(term$contrast)
    }
    few_fit <- cr2(X, own$y / own$time, part$weight * own$time, units, lean)
    se <- few_fit$se
    critical <- qt(.5 + level / 2, few_fit$df)
    note <- "few clusters: CR2, t with Satterthwaite degrees of freedom"
  } else {
    share <- shares_of(part, units, term, found$weighted)
    se <- sqrt(sum(few_sums(part, units, found$influence, share)^2))
    critical <- NA
    note <- "few clusters: leverage-corrected; the interval, by score wild bootstrap, is not made here"
  }
  list(se = se, lo = found$value - critical * se, hi = found$value + critical * se, clusters = g,
       note = note)
}

# ---- from terms to lines
# The children a term is asked of: of its subgroup, after trimming, with the outcome seen.
children_of <- function(cohort, term, all_seen) {
  part <- part_of(cohort, all_seen)
  if (!is.null(term$subgroup)) {
    column <- cohort$covariates[[term$subgroup$name]]
    if (is.null(column)) column <- cohort$beside[[term$subgroup$name]]
    part <- part_of(part, which(column$values[all_seen] == term$subgroup$value))
  }
  if (!is.null(term$trim)) {
    part <- part_of(part, which(apply(score(part)$e, 1, min) >= term$trim))
  }
  # Those who were not seen are of use only to estimators that weigh by the model of who was.
  if (term$estimator %in% c("naive", "regression")) {
    part <- part_of(part, which(outcome_of(part, term$outcome)$seen))
  }
  part
}

answer <- function(part, own) {
  found <- lapply(own, function(term) {
    tryCatch(if (term$estimator == "regression") regression_of(part, term) else contrast_of(part, term),
             error = function(fault) conditionMessage(fault))
  })
  fine <- vapply(found, is.list, TRUE)
  units <- if (is.null(cluster) || is.null(part$clusters[[cluster]])) part$child else part$clusters[[cluster]]
  few <- any(fine) && are_few(part, units, found[fine], own[fine])
  lines <- lapply(seq_along(own), function(at) {
    term <- own[[at]]
    one <- if (fine[at]) with_errors(part, term, found[[at]], few) else
      list(se = NA, lo = NA, hi = NA, clusters = NA, note = paste("no answer:", found[[at]]))
    value <- if (fine[at]) found[[at]]$value else NA
    ratio <- if (term$scale == "ratio") exp(c(value, one$lo, one$hi)) else rep(NA, 3)
    data.frame(estimator = term$estimator, outcome = term$outcome, contrast = term$words,
               target = term$label, scale = term$scale, estimate = value, se = one$se, lo = one$lo,
               hi = one$hi, ratio = ratio[1], ratio_lo = ratio[2], ratio_hi = ratio[3],
               children = part$n, clusters = one$clusters, note = one$note)
  })
  do.call(rbind, lines)
}

run <- function(folder = ".") {
  rows <- read.csv(file.path(folder, "cohort.csv"))
  columns <- read.csv(file.path(folder, "columns.csv"), na.strings = "", colClasses = c(
    column = "character", role = "character", name = "character", levels = "numeric",
    flag_of = "character", words = "character"), encoding = "UTF-8")
  cohort <- read_cohort(rows, columns)
  cohort$fits <- new.env()
  keys <- vapply(terms, function(term) {
    alone <- term$estimator %in% c("naive", "regression") && !is.null(models$censoring)
    paste(term$outcome, term$subgroup$name, term$subgroup$value, term$trim, alone, sep = "|")
  }, "")
  lines <- list()
  for (key in unique(keys)) {
    own <- terms[keys == key]
    term <- own[[1]]
    y <- outcome_of(cohort, term$outcome)$seen
    all_seen <- if (is.null(models$censoring)) which(y) else seq_len(cohort$n)
    part <- children_of(cohort, term, all_seen)
    for (name in unique(vapply(own, function(one) one$estimator, ""))) {
      mine <- Filter(function(one) one$estimator == name, own)
      lines[[length(lines) + 1]] <- answer(part, mine)
    }
  }
  found <- do.call(rbind, lines)
  # In full: nothing is rounded away that another tool may want to compare.
  numbers <- names(found) %in% c("estimate", "se", "lo", "hi", "ratio", "ratio_lo", "ratio_hi")
  found[numbers] <- lapply(found[numbers], function(x) {
    ifelse(is.na(x), "", sprintf("%.17g", x))
  })
  words <- which(names(found) %in% c("estimator", "outcome", "contrast", "target", "scale", "note"))
  write.csv(found, file.path(folder, "results.csv"), row.names = FALSE, na = "", quote = words)
  shown <- found[c("estimator", "outcome", "contrast", "target", "scale", "estimate", "se", "note")]
  shown$estimate <- signif(as.numeric(shown$estimate), 5)
  shown$se <- signif(as.numeric(shown$se), 4)
  print(shown, row.names = FALSE)
}
