# Run one of R's functions on one data set; write estimates and standard errors.
# Rscript benchmarks/software/rows.R FUNCTION FOLDER: reads FOLDER/NAME.txt, writes FOLDER/printed.txt
args <- commandArgs(TRUE)
read <- function(name) as.matrix(read.table(file.path(args[2], paste0(name, ".txt"))))
column <- function(name) as.vector(read(name))
of_table <- function(table, names) list(names, table[, 1], table[, 2])

run <- list(
  r_glm = function() {
    X <- read("X"); y <- column("y")
    of_table(coef(summary(glm(y ~ X[, -1], family = binomial("probit")))), c("base", "x1", "x2"))
  },
  r_lm = function() {
    X <- read("X"); y <- column("y")
    found <- lm(y ~ X[, -1])
    there <- !is.na(coef(found))
    of_table(coef(summary(found)), c("base", "x1", "x2")[there])
  },
  r_optim = function() {
    X <- read("X"); y <- column("y")
    nll <- function(b) sum(log1p(exp(-(2 * y - 1) * (X %*% b))))
    slopes <- function(b) as.vector(crossprod(X, plogis(X %*% b) - y))
    found <- optim(c(0, 0, 0), nll, slopes, method = "BFGS", hessian = TRUE,
                   control = list(reltol = 1e-14, maxit = 500))
    list(c("base", "x1", "x2"), found$par, sqrt(diag(solve(found$hessian))))
  },
  r_glm_nb = function() {
    X <- read("X"); y <- column("y")
    found <- MASS::glm.nb(y ~ X[, -1])
    of_table(coef(summary(found)), c("base", "x1", "x2"))
  },
  r_survreg = function() {
    d <- data.frame(time = column("time"), seen = column("seen"), x = column("x"))
    found <- survival::survreg(survival::Surv(time, seen) ~ x, d, control = list(rel.tolerance = 1e-12))
    table <- summary(found)$table
    list(c("base", "x1", "log_shape"), table[, 1] * c(1, 1, -1), table[, 2])
  },
  r_zeroinfl = function() {
    X <- read("X"); y <- column("y")
    found <- pscl::zeroinfl(y ~ X[, 2] | X[, 2], control = pscl::zeroinfl.control(reltol = 1e-14))
    table <- coef(summary(found))
    both <- rbind(table$zero, table$count)
    of_table(both, c("zero", "zero_x1", "count", "count_x1"))
  },
  r_lmer = function() {
    y <- read("y"); x <- read("x")
    d <- data.frame(y = as.vector(t(y)), x = as.vector(t(x)), g = rep(seq_len(nrow(y)), each = ncol(y)))
    of_table(coef(summary(lme4::lmer(y ~ x + (1 | g), d, REML = FALSE))), c("base", "x1"))
  }
)
warned <- character(0)
raised <- function(error) {
  writeLines(paste("raised", gsub("\n", " ", conditionMessage(error))),
             file.path(args[2], "printed.txt"))
  quit(status = 0)
}
found <- withCallingHandlers(
  tryCatch(run[[args[1]]](), error = raised),
  warning = function(w) { warned <<- c(warned, conditionMessage(w)); invokeRestart("muffleWarning") },
  message = function(m) { warned <<- c(warned, conditionMessage(m)); invokeRestart("muffleMessage") }
)
lines <- sprintf("%s %.17g %.17g", found[[1]], found[[2]], found[[3]])
writeLines(c(lines, paste("warned", gsub("\n", " ", unique(warned)))[seq_along(unique(warned))]),
           file.path(args[2], "printed.txt"))
