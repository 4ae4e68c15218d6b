#' The replications of a results folder
#'
#' @param folder a results folder, after `balance-sim export FOLDER`
#' @return a data frame with a row for each replication and arm: run, arm, and a column
#'   for each outcome; of a sweep the values of its factors in front
read_results <- function(folder) {
  file <- file.path(folder, "export.csv")
  if (!file.exists(file)) {
    stop("no ", file, ": give `balance-sim export ", folder, "` first")
  }
  utils::read.csv(file, check.names = FALSE)
}

#' The effect of each arm, paired by replication
#'
#' Arms share their random numbers, so the difference is taken within each replication.
#'
#' @param results of `read_results`, for one point of a sweep
#' @param outcome name of an outcome; its filtered column is taken where there is one
#' @param control the control arm
#' @return a data frame with a row for each other arm: arm, mean, mcse (Monte Carlo
#'   standard error), lo and hi (95 % CI by Student's t), n
paired_effects <- function(results, outcome, control) {
  filtered <- paste0("filtered_", outcome)
  column <- if (filtered %in% names(results)) filtered else outcome
  if (!column %in% names(results)) stop("no outcome ", outcome)
  if (!control %in% results$arm) stop("no arm ", control)
  if (anyDuplicated(results[c("run", "arm")])) stop("keep one point of the sweep")
  at_control <- results[results$arm == control, ]
  arms <- setdiff(unique(results$arm), control)
  rows <- lapply(arms, function(arm) {
    of_arm <- results[results$arm == arm, ]
    same_run <- match(of_arm$run, at_control$run)
    difference <- of_arm[[column]] - at_control[[column]][same_run]
    difference <- difference[!is.na(difference)]
    n <- length(difference)
    mcse <- stats::sd(difference) / sqrt(n)
    half <- stats::qt(0.975, n - 1) * mcse
    mean <- mean(difference)
    data.frame(arm, mean, mcse, lo = mean - half, hi = mean + half, n)
  })
  do.call(rbind, rows)
}

#' The headline of a run
#'
#' @param folder a results folder of `balance-sim run`
#' @return a list: arm, outcome, control, and the effect over the posterior, the prior
#'   and at the point values, each with its mean and `ci95`
headline <- function(folder) {
  file <- file.path(folder, "summary.json")
  if (!file.exists(file)) stop("no ", file, ": give a results folder of `balance-sim run`")
  jsonlite::read_json(file, simplifyVector = TRUE)$headline
}
