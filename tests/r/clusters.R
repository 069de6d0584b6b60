# Rscript clusters.R: small-sample corrections of cluster-robust errors, of few unequal clusters.
library(clubSandwich)
source("json.R")

of <- function(model, cluster) {
  found <- lapply(c(CR1 = "CR1", CR2 = "CR2", CR3 = "CR3"), function(type) {
    sqrt(diag(matrix(vcovCR(model, cluster, type = type), length(coef(model)))))
  })
  test <- coef_test(model, vcov = vcovCR(model, cluster, type = "CR2"), test = "Satterthwaite")
  c(found, list(df = test$df_Satt, estimate = unname(coef(model))))
}

cars <- lm(mpg ~ wt + hp, mtcars)
plants <- lm(uptake ~ Type + Treatment + conc, CO2)
write_json(list(
  cars = c(list(y = mtcars$mpg, X = unname(model.matrix(cars)), cluster = mtcars$carb),
           of(cars, mtcars$carb)),
  plants = c(list(y = CO2$uptake, X = unname(model.matrix(plants)),
                  cluster = as.integer(CO2$Plant)),
             of(plants, CO2$Plant))), "clusters.json")
