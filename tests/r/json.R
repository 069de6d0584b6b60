# Writes lists of numbers and strings as JSON, all digits of a double.
json <- function(x) {
  if (is.list(x)) {
    parts <- vapply(x, json, "")
    return(paste0("{", paste0('"', names(x), '": ', parts, collapse = ",\n"), "}"))
  }
  if (is.matrix(x)) return(array_of(apply(x, 1, json)))
  cells <- if (is.character(x)) paste0('"', x, '"') else sprintf("%.17g", x)
  if (length(x) == 1) cells else array_of(cells)
}

array_of <- function(cells) paste0("[", paste0(cells, collapse = ", "), "]")

# The versions are those of R and of the packages that the script loaded.
write_json <- function(x, path) {
  loaded <- intersect(c("boot", "sandwich", "clubSandwich"), loadedNamespaces())
  packages <- vapply(loaded, function(name) paste(name, packageVersion(name)), "")
  cat(json(c(list(source = paste(c(R.version.string, packages), collapse = "; ")), x)),
      "\n", sep = "", file = path)
}
