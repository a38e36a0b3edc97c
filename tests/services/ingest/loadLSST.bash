# The real image's stack has a folder of packages that `setup` puts on the path; here all is there.
setup() {
    :
}
