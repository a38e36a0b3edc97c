// Package pgxv4 stands for a driver of Google's database connector.
package pgxv4

import (
	"errors"

	"cloud.google.com/go/cloudsqlconn"
)

// RegisterDriver says that there is no such driver here.
func RegisterDriver(string, ...cloudsqlconn.Option) (func() error, error) {
	return nil, errors.New("Cloud SQL is not part of this server")
}
