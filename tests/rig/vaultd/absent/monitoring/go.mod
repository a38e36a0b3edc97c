module cloud.google.com/go/monitoring

go 1.25

require google.golang.org/api v0.253.0
